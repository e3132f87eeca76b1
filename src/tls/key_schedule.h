// From secrets to the keys that protect records: TLS 1.3 (RFC 8446 sections 7.1 to 7.3) and TLS 1.2
// (RFC 5246 section 6.3 with the AEADs of RFC 5288 and RFC 7905).
//
// The functions are OpenSSL's EVP_KDF (TLS13-KDF, TLS1-PRF), fetched once a thread: a fetch takes
// locks that all threads share. They fail only where OpenSSL has no memory. Any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "tls/secrets.h"

namespace sluice::tls {

inline constexpr std::size_t kMaxKeyBytes = 32;
inline constexpr std::size_t kIvBytes = 12;
/// TLS 1.2 with AES-GCM: the part of the nonce that comes from the key block.
inline constexpr std::size_t kSaltBytes = 4;

[[nodiscard]] constexpr std::size_t key_length(Cipher cipher) noexcept {
  return cipher == Cipher::kAes128Gcm ? 16 : 32;
}

/// Whether records carry eight bytes of their nonce: TLS 1.2 with AES-GCM (RFC 5288 section 3).
[[nodiscard]] constexpr bool has_explicit_nonce(Version version, Cipher cipher) noexcept {
  return version == Version::kTls12 && cipher != Cipher::kChacha20Poly1305;
}

/// What protects the records of one direction, and how far it has come. Wiped when destroyed.
struct RecordKeys {
  Version version = Version::kTls13;
  Cipher cipher = Cipher::kAes128Gcm;
  std::array<std::uint8_t, kMaxKeyBytes> key{};   ///< key_length() bytes
  std::array<std::uint8_t, kIvBytes> iv{};        ///< with an explicit nonce: kSaltBytes bytes
  std::array<std::uint8_t, 48> traffic_secret{};  ///< TLS 1.3
  std::uint64_t sequence = 0;                     ///< of the next record
  std::uint64_t explicit_nonce = 0;               ///< of the next record that we write
  std::uint64_t id = 0;  ///< the name that an Aead has given to this key; 0: none yet

  RecordKeys() = default;
  RecordKeys(const RecordKeys&) = default;
  RecordKeys& operator=(const RecordKeys&) = default;
  ~RecordKeys();
};

/// The keys of both directions, seen from us.
struct SessionKeys {
  RecordKeys receive;
  RecordKeys transmit;
};

/// False: OpenSSL could not; `keys` is not to be used then.
[[nodiscard]] bool derive_keys(const SessionSecrets& secrets, SessionKeys& keys) noexcept;

/// TLS 1.3: the next generation of a direction's keys, from its record 0 on (RFC 8446 section 7.2).
[[nodiscard]] bool advance_keys(RecordKeys& keys) noexcept;

}  // namespace sluice::tls
