// What one worker terminates TLS with for one frontend: certificates, names, policies.
//
//   ClientHello --> name --> exact | one-label wildcard | default | refused (strict_sni)
//                              `--> an SSL_CTX with at most one certificate of each kind (RSA,
//                              ECDSA)
//
// Every name is served by the certificates that carry it, the first of each kind in the order of
// the configuration; which kind is used, the client's signature algorithms say. Sessions are
// resumed only where the frontend, the name's entry, its certificates and the policy for client
// certificates are the same: all of that is in the session id context. Each worker has its own,
// because OpenSSL 3.0 takes locks within a context. Thread: made by the control thread, then one
// worker's. Pinned: OpenSSL's callbacks know its address.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sluice/config.h"
#include "sluice/error.h"
#include "tls/certificate_store.h"
#include "tls/openssl.h"
#include "tls/server_names.h"
#include "tls/ticket_keys.h"

namespace sluice::tls {

class FrontendContext {
 public:
  /// Sessions of TLS 1.2 clients without tickets that are kept for resumption.
  static constexpr long kCachedSessions = 4096;

  /// `config.tls` is present. The error names the certificate or bundle that cannot be used.
  [[nodiscard]] static Result<std::unique_ptr<FrontendContext>> create(
      const FrontendConfig& config, const CertificateStore& store, const TicketKeys& keys);

  FrontendContext(const FrontendContext&) = delete;
  FrontendContext& operator=(const FrontendContext&) = delete;

  /// For a Handshake, in accept state. Null without memory.
  [[nodiscard]] Ssl make_ssl() const noexcept;

 private:
  using SessionIdContext = Fingerprint;

  /// What a name leads to.
  struct Entry {
    SSL_CTX* context;
    SessionIdContext session_id_context;
  };
  struct Callbacks;
  class Builder;

  explicit FrontendContext(const TicketKeys& keys) : tickets_(keys) {}

  TicketKeys tickets_;
  std::vector<SslContext> contexts_;
  std::vector<Entry> entries_;  ///< the first is the default
  ServerNames names_;
  bool is_strict_ = false;
  std::string protocols_;  ///< ALPN as on the wire, ours first choice first
};

}  // namespace sluice::tls
