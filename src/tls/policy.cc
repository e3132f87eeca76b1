#include "tls/policy.h"

#include "tls/handshake.h"

namespace sluice::tls {
namespace {

constexpr const char* kTls12Suites =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr const char* kTls13Suites =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

/// OpenSSL before 3.5 refuses a list with a group it does not know.
constexpr const char* kGroups = "X25519MLKEM768:X25519:P-256:P-384";
constexpr const char* kClassicGroups = "X25519:P-256:P-384";

constexpr int kSecurityLevel = 2;

bool set_groups(SSL_CTX* context) {
  return SSL_CTX_set1_groups_list(context, kGroups) == 1 ||
         SSL_CTX_set1_groups_list(context, kClassicGroups) == 1;
}

}  // namespace

Result<SslContext> make_context(const SSL_METHOD* method, TlsVersion lowest) {
  SslContext context(SSL_CTX_new(method));
  if (context == nullptr) return fail("no TLS context: " + take_openssl_reason());
  const int version = lowest == TlsVersion::kTls13 ? TLS1_3_VERSION : TLS1_2_VERSION;
  SSL_CTX_set_security_level(context.get(), kSecurityLevel);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_max_early_data(context.get(), 0);
  SSL_CTX_set_recv_max_early_data(context.get(), 0);
  const bool is_set = SSL_CTX_set_min_proto_version(context.get(), version) == 1 &&
                      SSL_CTX_set_max_proto_version(context.get(), TLS1_3_VERSION) == 1 &&
                      SSL_CTX_set_cipher_list(context.get(), kTls12Suites) == 1 &&
                      SSL_CTX_set_ciphersuites(context.get(), kTls13Suites) == 1 &&
                      set_groups(context.get());
  if (!is_set) {
    return fail("this OpenSSL cannot do the TLS suites that Sluice offers: " +
                take_openssl_reason());
  }
  ERR_clear_error();
  Handshake::prepare(*context);
  return context;
}

std::string encode_protocols(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) {
    out += static_cast<char>(name.size());
    out += name;
  }
  return out;
}

}  // namespace sluice::tls
