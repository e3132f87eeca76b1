#include "daemon/check_tls.h"

#include <utility>

#include "tls/policy.h"

namespace sluice::daemon {

namespace ssl = boost::asio::ssl;

CheckContexts::CheckContexts(const Config& config) : config_(config) {}

std::shared_ptr<ssl::context> CheckContexts::find(const std::string& ca_bundle) {
  std::shared_ptr<ssl::context>& context = contexts_[ca_bundle];
  if (context == nullptr) context = make(ca_bundle);
  return context;
}

std::shared_ptr<ssl::context> CheckContexts::make(const std::string& ca_bundle) {
  auto made = tls::make_context(TLS_client_method(), TlsVersion::kTls12);
  if (!made) return std::make_shared<ssl::context>(ssl::context::tls_client);
  if (!store_) store_ = tls::CertificateStore::load(config_);
  const tls::CaBundle* bundle = *store_ ? (*store_)->bundle(ca_bundle) : nullptr;
  if (bundle != nullptr) SSL_CTX_set1_cert_store(made->get(), tls::make_trust(*bundle).get());
  // Resumed sessions skip the certificate, which is what a check is to look at.
  SSL_CTX_set_session_cache_mode(made->get(), SSL_SESS_CACHE_OFF);
  return std::make_shared<ssl::context>(made->release());
}

}  // namespace sluice::daemon
