// OpenSSL as the oracle: a handshake in memory, after which one side goes on as an SSL object and
// the other one is ours, made of the secrets that the handshake left.
#pragma once

#include <openssl/ssl.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tls/secrets.h"

namespace sluice::tls::test {

using Bytes = std::vector<std::byte>;

[[nodiscard]] Bytes to_bytes(std::string_view text);
[[nodiscard]] Bytes from_hex(std::string_view hex);
[[nodiscard]] std::string to_text(std::span<const std::byte> bytes);

/// `length` bytes that are all different from their neighbours.
[[nodiscard]] Bytes pattern(std::size_t length);

class SslPair {
 public:
  /// `ours`: the role whose secrets are taken. Asserts that the handshake succeeds.
  SslPair(Version version, Cipher cipher, Role ours);
  ~SslPair();
  SslPair(const SslPair&) = delete;

  [[nodiscard]] const SessionSecrets& secrets() const { return secrets_; }
  /// The side that stays OpenSSL's.
  [[nodiscard]] SSL* other() const { return other_; }

  /// The other side writes; gives the records that it made.
  [[nodiscard]] Bytes write(std::string_view text);
  /// What the other side has for us: alerts, KeyUpdates, tickets.
  [[nodiscard]] Bytes take_output();
  /// Gives it records of ours.
  void feed(std::span<const std::byte> records);
  /// All that it can read now; `reads` says how each call ended.
  [[nodiscard]] std::string read();
  [[nodiscard]] int last_error() const { return last_error_; }

  // For OpenSSL's callbacks.
  void note_secret(std::string_view line);
  void note_record(bool is_written, int type);

 private:
  void shake_hands();
  bool pump(SSL* from, SSL* to);
  void take_secrets();

  Role ours_role_;
  SSL_CTX* server_context_;
  SSL_CTX* client_context_;
  SSL* ours_ = nullptr;
  SSL* other_ = nullptr;
  Bytes our_output_;
  SessionSecrets secrets_;
  int last_error_ = 0;
};

}  // namespace sluice::tls::test
