// What a session has where at least one of its sockets speaks TLS: the keys of each, from the end
// of the handshakes on.
//
// Made when the relaying begins; both directions work on it, so it outlives them. Thread: its
// worker's.
#pragma once

#include <memory>

#include "proxy/secure_leg.h"
#include "proxy/stage.h"

namespace sluice::proxy {

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

}  // namespace sluice::proxy
