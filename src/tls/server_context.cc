#include "tls/server_context.h"

#include <utility>

#include "tls/policy.h"
#include "tls/verify.h"

namespace sluice::tls {
namespace {

int index_of_owner() noexcept {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

}  // namespace

ServerContext::ServerContext(const ServerConfig& config)
    : name_(config.server_name.empty() ? config.address : config.server_name),
      verify_(config.verify) {}

Result<std::unique_ptr<ServerContext>> ServerContext::create(const ServerConfig& config,
                                                             const CertificateTrust& trust,
                                                             const CertifiedKey* own) {
  std::unique_ptr<ServerContext> out(new ServerContext(config));
  auto context = make_context(TLS_client_method(), TlsVersion::kTls12);
  if (!context) return tl::unexpected(context.error());
  out->context_ = std::move(*context);
  SSL_CTX* const made = out->context_.get();
  SSL_CTX_set1_cert_store(made, trust.get());
  if (own != nullptr) {
    if (auto used = use_key(*made, *own); !used) return tl::unexpected(used.error());
  }
  SSL_CTX_set_ex_data(made, index_of_owner(), out.get());
  SSL_CTX_set_session_cache_mode(made, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(made, &ServerContext::on_new_session);
  return out;
}

Ssl ServerContext::make_ssl(std::string_view alpn) noexcept {
  Ssl ssl(SSL_new(context_.get()));
  if (ssl == nullptr || !expect_server(*ssl, name_, verify_)) return nullptr;
  SSL_set_connect_state(ssl.get());
  if (!alpn.empty()) {
    const std::string wire = encode_protocols({std::string(alpn)});
    SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(wire.data()),
                        static_cast<unsigned>(wire.size()));
  }
  if (const SslSession session = take_session(); session != nullptr) {
    SSL_set_session(ssl.get(), session.get());
  }
  return ssl;
}

// --- Sessions ---

void ServerContext::keep(SslSession session) {
  if (sessions_.size() >= kKeptSessions) sessions_.erase(sessions_.begin());
  sessions_.push_back(std::move(session));
}

/// One of TLS 1.3 is used once (RFC 8446 appendix C.4); one of TLS 1.2 stays.
SslSession ServerContext::take_session() noexcept {
  if (sessions_.empty()) return nullptr;
  SSL_SESSION* const newest = sessions_.back().get();
  if (SSL_SESSION_get_protocol_version(newest) != TLS1_3_VERSION) {
    SSL_SESSION_up_ref(newest);
    return SslSession(newest);
  }
  SslSession out = std::move(sessions_.back());
  sessions_.pop_back();
  return out;
}

int ServerContext::on_new_session(SSL* ssl, SSL_SESSION* session) noexcept {
  auto* const self =
      static_cast<ServerContext*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), index_of_owner()));
  if (self == nullptr || SSL_SESSION_is_resumable(session) != 1) return 0;
  self->keep(SslSession(session));
  return 1;  // the reference is ours now
}

}  // namespace sluice::tls
