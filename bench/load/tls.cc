#include "tls.h"

#include <openssl/err.h>

#include "tls_channel.h"

namespace sluice::bench {
namespace {

// The suites that browsers prefer on processors with AES instructions.
constexpr const char* kSuite13 = "TLS_AES_128_GCM_SHA256";
constexpr const char* kSuite12 = "ECDHE-ECDSA-AES128-GCM-SHA256";

tl::unexpected<Error> openssl_error(const std::string& what) {
  char text[256] = "no reason given";
  if (const unsigned long code = ERR_peek_error()) ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return fail(what + ": " + text, ExitCode::kUsage);
}

// Sessions go to the client's own memory: OpenSSL's cache knows no clients.
int keep_session(SSL* ssl, SSL_SESSION* session) {
  TlsChannel::of(ssl).keep(SslSession(session));
  return 1;  // ours now
}

// What SSL_set_tlsext_host_name does, whose cast is none of C++'s.
void set_server_name(SSL* ssl, std::string name) {
  SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data());
}

bool set_offer(SSL_CTX* context, const TlsClientOptions& options) {
  const bool is_13 = options.version == "1.3";
  const int version = is_13 ? TLS1_3_VERSION : TLS1_2_VERSION;
  const std::string& suite =
      options.cipher.empty() ? (is_13 ? kSuite13 : kSuite12) : options.cipher;
  return SSL_CTX_set_min_proto_version(context, version) == 1 &&
         SSL_CTX_set_max_proto_version(context, version) == 1 &&
         (is_13 ? SSL_CTX_set_ciphersuites(context, suite.c_str())
                : SSL_CTX_set_cipher_list(context, suite.c_str())) == 1 &&
         SSL_CTX_set1_groups_list(context, options.groups.c_str()) == 1;
}

}  // namespace

Result<std::unique_ptr<TlsContext>> TlsContext::client(const TlsClientOptions& options) {
  SslContext context(SSL_CTX_new(TLS_client_method()));
  if (!context) return openssl_error("TLS context");
  if (!set_offer(context.get(), options)) return openssl_error("TLS version, cipher or group");
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  if (options.is_resuming) {
    SSL_CTX_set_session_cache_mode(context.get(),
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context.get(), keep_session);
  }
  std::unique_ptr<TlsContext> made(new TlsContext(std::move(context), Side::kClient));
  made->options_ = options;
  return made;
}

Result<std::unique_ptr<TlsContext>> TlsContext::server(const std::string& path) {
  SslContext context(SSL_CTX_new(TLS_server_method()));
  if (!context) return openssl_error("TLS context");
  if (SSL_CTX_use_certificate_chain_file(context.get(), path.c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(context.get(), path.c_str(), SSL_FILETYPE_PEM) != 1) {
    return openssl_error(path);
  }
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  return std::unique_ptr<TlsContext>(new TlsContext(std::move(context), Side::kServer));
}

std::unique_ptr<Channel> TlsContext::wrap(Fd fd, TlsMemory& memory, TlsTally& tally) {
  Ssl ssl(SSL_new(context_.get()));
  if (!ssl) return nullptr;
  if (side_ == Side::kServer) {
    SSL_set_accept_state(ssl.get());
  } else {
    SSL_set_connect_state(ssl.get());
    if (!options_.server_name.empty()) {
      set_server_name(ssl.get(), options_.server_name);
    }
    if (memory.session) SSL_set_session(ssl.get(), memory.session.get());
  }
  return std::make_unique<TlsChannel>(std::move(fd), std::move(ssl), memory, tally);
}

}  // namespace sluice::bench
