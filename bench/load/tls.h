// TLS for the load generator and the servers, by OpenSSL, one thread.
//
// A channel moves up to 256 KiB a system call, many records at once: whoever measures a proxy must
// not be the slower end. Every received byte is really decrypted, also where nobody looks at it.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "channel.h"
#include "tally.h"

namespace sluice::bench {

template <auto Free>
struct Release {
  template <typename T>
  void operator()(T* object) const noexcept {
    Free(object);
  }
};

using SslContext = std::unique_ptr<SSL_CTX, Release<SSL_CTX_free>>;
using Ssl = std::unique_ptr<SSL, Release<SSL_free>>;
using SslSession = std::unique_ptr<SSL_SESSION, Release<SSL_SESSION_free>>;

/// What a client offers. One version, one cipher suite and one key share, so that every proxy ends
/// with the same whatever its own preferences are.
struct TlsClientOptions {
  bool is_on = false;
  std::string version = "1.3";  ///< or 1.2
  std::string cipher;           ///< OpenSSL's name; empty: the default of TlsContext::client
  /// The first is used; TLS 1.2 wants that of the certificate among them.
  std::string groups = "X25519:P-256";
  std::string server_name;
  bool is_resuming = false;  ///< each connection with the session of the one before it
};

class TlsChannel;

/// Where a client keeps the session of its last connection.
struct TlsMemory {
  SslSession session;
};

/// Outlives its channels. A server's certificate is not verified by clients: that would only be
/// their own work.
class TlsContext {
 public:
  [[nodiscard]] static Result<std::unique_ptr<TlsContext>> client(const TlsClientOptions& options);
  /// `path` holds certificate and key in PEM.
  [[nodiscard]] static Result<std::unique_ptr<TlsContext>> server(const std::string& path);

  /// The channel over a connected socket. `memory` of a resuming client outlives it.
  [[nodiscard]] std::unique_ptr<Channel> wrap(Fd fd, TlsMemory& memory, TlsTally& tally);

 private:
  friend class TlsChannel;
  enum class Side { kClient, kServer };
  TlsContext(SslContext context, Side side) : context_(std::move(context)), side_(side) {}

  SslContext context_;
  Side side_;
  TlsClientOptions options_;
};

}  // namespace sluice::bench
