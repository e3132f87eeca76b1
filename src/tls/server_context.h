// What one worker speaks TLS with to one server: whom to trust, which name to demand, which
// sessions to resume.
//
// With `verify: required` the handshake fails unless the server's certificate leads to an authority
// of the bundle, is within its dates and carries the name (or the address): before that, nothing of
// the client has been sent. Sessions are kept here and nowhere else, so they are never resumed
// under another name or another policy. Each worker has its own (OpenSSL 3.0 takes locks within a
// context). Thread: made by the control thread, then one worker's. Pinned. Limits: `kKeptSessions`.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/config.h"
#include "sluice/error.h"
#include "tls/certificate_store.h"
#include "tls/openssl.h"

namespace sluice::tls {

class ServerContext {
 public:
  static constexpr std::size_t kKeptSessions = 8;

  /// `trust` is shared by the worker's contexts with the same bundle; this takes a reference. `own`
  /// is shown to a server that asks for a certificate; null: none is.
  [[nodiscard]] static Result<std::unique_ptr<ServerContext>> create(const ServerConfig& config,
                                                                     const CertificateTrust& trust,
                                                                     const CertifiedKey* own);
  ServerContext(const ServerContext&) = delete;
  ServerContext& operator=(const ServerContext&) = delete;

  /// For a Handshake, in connect state. `alpn` is what was agreed on with the client; empty: none
  /// is offered. Null without memory.
  [[nodiscard]] Ssl make_ssl(std::string_view alpn) noexcept;

  /// The name that the certificate must carry: a DNS name or an address.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  explicit ServerContext(const ServerConfig& config);
  void keep(SslSession session);
  [[nodiscard]] SslSession take_session() noexcept;
  static int on_new_session(SSL* ssl, SSL_SESSION* session) noexcept;

  std::string name_;
  ServerVerify verify_;
  SslContext context_;
  std::vector<SslSession> sessions_;  ///< the newest last
};

}  // namespace sluice::tls
