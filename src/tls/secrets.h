// What a finished handshake leaves behind: all that is needed to go on with its keys without
// OpenSSL's SSL object.
//
// Values, without the derivation: keys and IVs come from these by RFC 8446 section 7.3 or RFC 5246
// section 6.3. "Transmit" and "receive" are seen from us, whatever our role. Wiped when destroyed.
#pragma once

#include <openssl/crypto.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace sluice::tls {

enum class Version : std::uint8_t { kTls12, kTls13 };
enum class Role : std::uint8_t { kClient, kServer };

/// The AEADs of both versions. The hash goes with the cipher: SHA-384 for AES-256-GCM, else
/// SHA-256.
enum class Cipher : std::uint8_t { kAes128Gcm, kAes256Gcm, kChacha20Poly1305 };

/// Length of the hash's output, which is also that of a TLS 1.3 traffic secret. Bytes.
[[nodiscard]] constexpr std::size_t hash_length(Cipher cipher) noexcept {
  return cipher == Cipher::kAes256Gcm ? 48 : 32;
}

/// One direction of a connection at a record boundary.
struct DirectionSecret {
  /// TLS 1.3: the traffic secret in force, `hash_length()` bytes of it. Unused in TLS 1.2.
  std::array<std::uint8_t, 48> traffic_secret{};
  /// Number of the next record under this direction's key.
  std::uint64_t sequence = 0;
};

struct SessionSecrets {
  Version version = Version::kTls13;
  Role role = Role::kServer;
  Cipher cipher = Cipher::kAes128Gcm;
  DirectionSecret transmit;
  DirectionSecret receive;

  // TLS 1.2 only: the key block is PRF(master, "key expansion", server random + client random).
  std::array<std::uint8_t, 48> master_secret{};
  std::array<std::uint8_t, 32> client_random{};
  std::array<std::uint8_t, 32> server_random{};
  /// TLS 1.2 with AES-GCM: the explicit nonce for our next record, one above the last that was
  /// sent.
  std::uint64_t next_explicit_nonce = 0;

  /// The most plaintext a record of ours may hold: less than 16384 where max_fragment_length (RFC
  /// 6066) was negotiated, and then kTLS must not transmit (kernels before 6.19 know no limit).
  std::uint16_t max_fragment = 16384;

  SessionSecrets() = default;
  SessionSecrets(const SessionSecrets&) = default;
  SessionSecrets& operator=(const SessionSecrets&) = default;
  ~SessionSecrets() {
    OPENSSL_cleanse(transmit.traffic_secret.data(), transmit.traffic_secret.size());
    OPENSSL_cleanse(receive.traffic_secret.data(), receive.traffic_secret.size());
    OPENSSL_cleanse(master_secret.data(), master_secret.size());
  }
};

}  // namespace sluice::tls
