#include "tls/key_limit.h"

#include <linux/tls.h>
#include <openssl/crypto.h>
#include <sys/socket.h>

#include "tls/record_stream.h"

namespace sluice::tls {
namespace {

template <typename Info>
std::optional<std::uint64_t> ask_number(int fd) noexcept {
  Info info{};
  socklen_t size = sizeof info;
  const bool is_told = ::getsockopt(fd, SOL_TLS, TLS_TX, &info, &size) == 0 && size == sizeof info;
  std::uint64_t number = 0;
  for (const unsigned char byte : info.rec_seq) number = number << 8 | byte;
  OPENSSL_cleanse(&info, sizeof info);
  return is_told ? std::optional(number) : std::nullopt;
}

}  // namespace

bool is_used_up(const RecordKeys& keys) noexcept {
  return keys.version == Version::kTls13 && keys.cipher != Cipher::kChacha20Poly1305 &&
         keys.sequence >= kMaxRecordsPerKey;
}

std::optional<std::uint64_t> next_record(int fd, const RecordKeys& keys) noexcept {
  switch (keys.cipher) {
    case Cipher::kAes128Gcm:
      return ask_number<tls12_crypto_info_aes_gcm_128>(fd);
    case Cipher::kAes256Gcm:
      return ask_number<tls12_crypto_info_aes_gcm_256>(fd);
    case Cipher::kChacha20Poly1305:
      return ask_number<tls12_crypto_info_chacha20_poly1305>(fd);
  }
  return std::nullopt;
}

}  // namespace sluice::tls
