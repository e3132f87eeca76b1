#include "tls/verify.h"

#include <openssl/x509v3.h>

#include "sluice/address.h"

namespace sluice::tls {
namespace {

/// SSL_set_tlsext_host_name() without the cast that its macro makes.
bool ask_for(SSL& ssl, const std::string& name) noexcept {
  return SSL_ctrl(&ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                  const_cast<char*>(name.c_str())) == 1;
}

bool expect_name(SSL& ssl, const std::string& name) noexcept {
  X509_VERIFY_PARAM* const rules = SSL_get0_param(&ssl);
  if (Endpoint::from_ip(name, 0)) return X509_VERIFY_PARAM_set1_ip_asc(rules, name.c_str()) == 1;
  X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return X509_VERIFY_PARAM_set1_host(rules, name.data(), name.size()) == 1;
}

}  // namespace

bool expect_server(SSL& ssl, const std::string& name, ServerVerify verify) noexcept {
  const bool is_address = Endpoint::from_ip(name, 0).has_value();
  if (!is_address && !ask_for(ssl, name)) return false;
  if (verify == ServerVerify::kNone) {
    SSL_set_verify(&ssl, SSL_VERIFY_NONE, nullptr);
    return true;
  }
  SSL_set_verify(&ssl, SSL_VERIFY_PEER, nullptr);
  return expect_name(ssl, name);
}

std::string verify_reason(const SSL& ssl) {
  if ((SSL_get_verify_mode(&ssl) & SSL_VERIFY_PEER) == 0) return "";
  const long result = SSL_get_verify_result(&ssl);
  return result == X509_V_OK ? "" : X509_verify_cert_error_string(result);
}

}  // namespace sluice::tls
