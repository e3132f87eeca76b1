#include "daemon/check_tls.h"

#include <utility>

#include "tls/policy.h"

namespace sluice::daemon {

namespace ssl = boost::asio::ssl;

CheckContexts::CheckContexts(const Config& config) : config_(config) {}

std::shared_ptr<ssl::context> CheckContexts::find(const ServerConfig& server) {
  std::shared_ptr<ssl::context>& context = contexts_[{server.ca_bundle, server.client_certificate}];
  if (context == nullptr) context = make(server);
  return context;
}

std::shared_ptr<ssl::context> CheckContexts::make(const ServerConfig& server) {
  auto made = tls::make_context(TLS_client_method(), TlsVersion::kTls12);
  if (!made) return std::make_shared<ssl::context>(ssl::context::tls_client);
  if (!store_) store_ = tls::CertificateStore::load(config_);
  const tls::CaBundle* bundle = *store_ ? (*store_)->bundle(server.ca_bundle) : nullptr;
  if (bundle != nullptr) SSL_CTX_set1_cert_store(made->get(), tls::make_trust(*bundle).get());
  const tls::CertifiedKey* own =
      *store_ ? (*store_)->certificate(server.client_certificate) : nullptr;
  // A certificate that OpenSSL does not take has refused the configuration before.
  if (own != nullptr) static_cast<void>(tls::use_key(**made, *own));
  // Resumed sessions skip the certificate, which is what a check is to look at.
  SSL_CTX_set_session_cache_mode(made->get(), SSL_SESS_CACHE_OFF);
  return std::make_shared<ssl::context>(made->release());
}

}  // namespace sluice::daemon
