// What a session has where at least one of its sockets speaks TLS: the keys of each, from the end
// of the handshakes on.
//
// Made when the relaying begins; both directions work on it, so it outlives them. Thread: its
// worker's.
#pragma once

#include <memory>
#include <string_view>

#include "proxy/secure_leg.h"
#include "proxy/stage.h"

namespace sluice::proxy {

struct SecureContext;

class SessionTls {
 public:
  /// Takes the keys out of the findings, where they are wiped. Null where neither socket speaks
  /// TLS.
  [[nodiscard]] static std::unique_ptr<SessionTls> take(Findings& findings);

  /// OpenSSL could not derive the keys: the session cannot go on.
  [[nodiscard]] bool is_broken() const noexcept { return is_broken_; }

  // Null where that socket speaks plaintext.
  [[nodiscard]] SecureLeg* client() const noexcept { return client_.get(); }
  [[nodiscard]] SecureLeg* server() const noexcept { return server_.get(); }

 private:
  [[nodiscard]] std::unique_ptr<SecureLeg> take_leg(TlsLeg* found);

  std::unique_ptr<SecureLeg> client_;
  std::unique_ptr<SecureLeg> server_;
  bool is_broken_ = false;
};

/// Sends what goes at once of the handshake's last records, to a client that is not served now; the
/// rest stays in front of anything else.
void send_unsent(TlsLeg& leg, int fd) noexcept;

/// Says the last that the socket is to hear, while nothing else is on its way there: what the leg
/// owes, `text` unless that was a fatal alert, close_notify. False: not all of it went out.
bool send_last_words(SecureContext& context, SecureLeg& leg, int fd,
                     std::string_view text) noexcept;

}  // namespace sluice::proxy
