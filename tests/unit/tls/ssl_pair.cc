#include "ssl_pair.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>

#include "wire/tls_record.h"

namespace sluice::tls::test {
namespace {

SslPair& pair_of(const SSL* ssl) {
  return *static_cast<SslPair*>(SSL_get_app_data(ssl));
}

void on_key_log(const SSL* ssl, const char* line) {
  pair_of(ssl).note_secret(line);
}

void on_message(int is_written, int, int content, const void* bytes, std::size_t, SSL*,
                void* pair) {
  if (content != SSL3_RT_HEADER) return;
  static_cast<SslPair*>(pair)->note_record(is_written != 0,
                                           *static_cast<const std::uint8_t*>(bytes));
}

void use_new_certificate(SSL_CTX* context) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_sign(certificate, key, EVP_sha256());
  ASSERT_EQ(SSL_CTX_use_certificate(context, certificate), 1);
  ASSERT_EQ(SSL_CTX_use_PrivateKey(context, key), 1);
  X509_free(certificate);
  EVP_PKEY_free(key);
}

void choose(SSL_CTX* context, Version version, Cipher cipher) {
  static constexpr std::array k13 = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                                     "TLS_CHACHA20_POLY1305_SHA256"};
  static constexpr std::array k12 = {"ECDHE-ECDSA-AES128-GCM-SHA256",
                                     "ECDHE-ECDSA-AES256-GCM-SHA384",
                                     "ECDHE-ECDSA-CHACHA20-POLY1305"};
  const auto which = static_cast<std::size_t>(cipher);
  const int number = version == Version::kTls13 ? TLS1_3_VERSION : TLS1_2_VERSION;
  SSL_CTX_set_min_proto_version(context, number);
  SSL_CTX_set_max_proto_version(context, number);
  ASSERT_EQ(SSL_CTX_set_ciphersuites(context, k13[which]), 1);
  ASSERT_EQ(SSL_CTX_set_cipher_list(context, k12[which]), 1);
}

SSL* make_side(SSL_CTX* context, SslPair* pair) {
  SSL* ssl = SSL_new(context);
  SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  SSL_set_app_data(ssl, pair);
  return ssl;
}

Bytes drain(BIO* bio) {
  Bytes bytes(BIO_ctrl_pending(bio));
  if (!bytes.empty()) BIO_read(bio, bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

}  // namespace

Bytes to_bytes(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

std::string to_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Bytes from_hex(std::string_view hex) {
  Bytes bytes;
  std::string digits;
  std::copy_if(hex.begin(), hex.end(), std::back_inserter(digits), [](char c) { return c != ' '; });
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(digits.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

Bytes pattern(std::size_t length) {
  Bytes bytes(length);
  for (std::size_t i = 0; i < length; ++i) bytes[i] = static_cast<std::byte>((i * 131 + i / 251));
  return bytes;
}

SslPair::SslPair(Version version, Cipher cipher, Role ours)
    : ours_role_(ours),
      server_context_(SSL_CTX_new(TLS_server_method())),
      client_context_(SSL_CTX_new(TLS_client_method())) {
  use_new_certificate(server_context_);
  choose(server_context_, version, cipher);
  choose(client_context_, version, cipher);
  SSL_CTX* context = ours == Role::kServer ? server_context_ : client_context_;
  SSL_CTX_set_keylog_callback(context, on_key_log);
  SSL_CTX_set_msg_callback(context, on_message);
  SSL_CTX_set_msg_callback_arg(context, this);
  secrets_.version = version;
  secrets_.cipher = cipher;
  secrets_.role = ours;
  shake_hands();
  take_secrets();
}

SslPair::~SslPair() {
  SSL_free(ours_);
  SSL_free(other_);
  SSL_CTX_free(server_context_);
  SSL_CTX_free(client_context_);
}

void SslPair::shake_hands() {
  SSL* server = make_side(server_context_, this);
  SSL* client = make_side(client_context_, this);
  SSL_set_accept_state(server);
  SSL_set_connect_state(client);
  ours_ = ours_role_ == Role::kServer ? server : client;
  other_ = ours_role_ == Role::kServer ? client : server;
  for (bool is_moving = true; is_moving;) {
    SSL_do_handshake(client);
    is_moving = pump(client, server);
    SSL_do_handshake(server);
    is_moving = pump(server, client) || is_moving;
  }
  ASSERT_TRUE(SSL_is_init_finished(server) && SSL_is_init_finished(client));
}

bool SslPair::pump(SSL* from, SSL* to) {
  const Bytes bytes = drain(SSL_get_wbio(from));
  if (from == ours_) our_output_.insert(our_output_.end(), bytes.begin(), bytes.end());
  BIO_write(SSL_get_rbio(to), bytes.data(), static_cast<int>(bytes.size()));
  return !bytes.empty();
}

void SslPair::note_secret(std::string_view line) {
  const bool is_client = line.starts_with("CLIENT_TRAFFIC_SECRET_0 ");
  if (!is_client && !line.starts_with("SERVER_TRAFFIC_SECRET_0 ")) return;
  const bool is_ours = is_client == (ours_role_ == Role::kClient);
  DirectionSecret& direction = is_ours ? secrets_.transmit : secrets_.receive;
  const Bytes secret = from_hex(line.substr(line.rfind(' ') + 1));
  std::transform(secret.begin(), secret.end(), direction.traffic_secret.begin(),
                 [](std::byte byte) { return std::to_integer<std::uint8_t>(byte); });
  direction.sequence = 0;
}

void SslPair::note_record(bool is_written, int type) {
  DirectionSecret& direction = is_written ? secrets_.transmit : secrets_.receive;
  if (secrets_.version == Version::kTls13) {
    if (type == SSL3_RT_APPLICATION_DATA) ++direction.sequence;
  } else {
    direction.sequence = type == SSL3_RT_CHANGE_CIPHER_SPEC ? 0 : direction.sequence + 1;
  }
}

void SslPair::take_secrets() {
  if (secrets_.version == Version::kTls13) return;
  SSL_SESSION_get_master_key(SSL_get_session(ours_), secrets_.master_secret.data(), 48);
  SSL_get_client_random(ours_, secrets_.client_random.data(), 32);
  SSL_get_server_random(ours_, secrets_.server_random.data(), 32);
  std::size_t last = 0;  // where our Finished begins: it is the last record of our output
  for (std::size_t at = 0; at < our_output_.size();) {
    last = at;
    at += 5 + wire::read_record_header(std::span(our_output_).subspan(at)).length;
  }
  for (std::size_t i = 0; i < 8; ++i) {
    secrets_.next_explicit_nonce = secrets_.next_explicit_nonce << 8 |
                                   std::to_integer<std::uint64_t>(our_output_[last + 5 + i]);
  }
  ++secrets_.next_explicit_nonce;
}

Bytes SslPair::write(std::string_view text) {
  EXPECT_EQ(SSL_write(other_, text.data(), static_cast<int>(text.size())),
            static_cast<int>(text.size()));
  return take_output();
}

Bytes SslPair::take_output() {
  Bytes bytes = drain(SSL_get_rbio(ours_));  // what came behind the handshake
  const Bytes newer = drain(SSL_get_wbio(other_));
  bytes.insert(bytes.end(), newer.begin(), newer.end());
  return bytes;
}

void SslPair::feed(std::span<const std::byte> records) {
  BIO_write(SSL_get_rbio(other_), records.data(), static_cast<int>(records.size()));
}

std::string SslPair::read() {
  std::string text;
  std::array<char, 4096> some;
  for (;;) {
    const int count = SSL_read(other_, some.data(), some.size());
    last_error_ = SSL_get_error(other_, count);
    if (count <= 0) return text;
    text.append(some.data(), static_cast<std::size_t>(count));
  }
}

}  // namespace sluice::tls::test
