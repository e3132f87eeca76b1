// What one worker speaks TLS with to one server: whom to trust, which name to demand, which
// sessions to resume.
//
// With `verify: required` the handshake fails unless the server's certificate leads to an authority
// of the bundle, is within its dates and carries the name (or the address): before that, nothing of
// the client has been sent. Sessions are kept here and nowhere else, so they are never resumed
// under another name or another policy, nor for longer than seven days, the server's word or its
// certificate last. Each worker has its own (OpenSSL 3.0 takes locks within a context). Thread:
// made by the control thread, then one worker's. Pinned. Limits: `kKeptSessions`,
// `kWaitingReaders`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/config.h"
#include "sluice/error.h"
#include "tls/certificate_store.h"
#include "tls/handshake.h"
#include "tls/openssl.h"
#include "tls/ticket_reader.h"

namespace sluice::tls {

class ServerContext {
 public:
  static constexpr std::size_t kKeptSessions = 8;
  static constexpr std::uint32_t kWaitingReaders = 32;

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

  /// For the tickets of a finished handshake with an SSL object of a ServerContext, which outlives
  /// it. Null: none will come, or there are sessions enough.
  [[nodiscard]] static std::unique_ptr<TicketReader> ticket_reader(Handshake& done);

  /// The name that the certificate must carry: a DNS name or an address.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  explicit ServerContext(const ServerConfig& config);
  void keep(SslSession session);
  [[nodiscard]] SslSession take_session() noexcept;
  [[nodiscard]] bool is_usable(const SSL_SESSION& session) const noexcept;
  [[nodiscard]] static ServerContext* owner(const SSL& ssl) noexcept;
  static int on_new_session(SSL* ssl, SSL_SESSION* session) noexcept;

  std::string name_;
  ServerVerify verify_;
  SslContext context_;
  std::vector<SslSession> sessions_;  ///< the newest last
  std::uint32_t waiting_readers_ = 0;
};

}  // namespace sluice::tls
