#include "tls/ktls.h"

#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#ifndef TCP_ULP
#define TCP_ULP 31
#endif
#ifndef SOL_TLS
#define SOL_TLS 282
#endif

namespace sluice::tls {
namespace {

constexpr std::size_t kSequenceBytes = 8;

void put_u64(std::uint64_t value, unsigned char* to) noexcept {
  for (std::size_t i = 0; i < kSequenceBytes; ++i) {
    to[i] = static_cast<unsigned char>(value >> (56 - 8 * i));
  }
}

/// The nonce's four constant bytes are the kernel's `salt`, the rest its `iv`. In TLS 1.2 the `iv`
/// of what is transmitted is the explicit nonce of the next record: the kernel counts it up by
/// itself and writes it out.
template <typename Info>
void fill_gcm(const RecordKeys& keys, Info& info) noexcept {
  std::copy_n(keys.key.begin(), sizeof info.key, info.key);
  std::copy_n(keys.iv.begin(), sizeof info.salt, info.salt);
  if (has_explicit_nonce(keys.version, keys.cipher)) {
    put_u64(keys.explicit_nonce, info.iv);
  } else {
    std::copy_n(keys.iv.begin() + sizeof info.salt, sizeof info.iv, info.iv);
  }
}

void fill_chacha(const RecordKeys& keys, tls12_crypto_info_chacha20_poly1305& info) noexcept {
  std::copy_n(keys.key.begin(), sizeof info.key, info.key);
  std::copy_n(keys.iv.begin(), sizeof info.iv, info.iv);
}

template <typename Info, typename Fill>
int install(int fd, Half half, const RecordKeys& keys, std::uint16_t cipher, Fill fill) noexcept {
  Info info{};
  info.info.version = keys.version == Version::kTls13 ? TLS_1_3_VERSION : TLS_1_2_VERSION;
  info.info.cipher_type = cipher;
  fill(keys, info);
  put_u64(keys.sequence, info.rec_seq);
  const int option = half == Half::kTransmit ? TLS_TX : TLS_RX;
  const int error = ::setsockopt(fd, SOL_TLS, option, &info, sizeof info) == 0 ? 0 : errno;
  OPENSSL_cleanse(&info, sizeof info);
  return error;
}

struct alignas(cmsghdr) ControlSpace {
  std::array<char, CMSG_SPACE(sizeof(unsigned char))> bytes{};
};

}  // namespace

int attach_ktls(int fd) noexcept {
  if (::setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof "tls") == 0) return 0;
  return errno == EEXIST ? 0 : errno;
}

int install_key(int fd, Half half, const RecordKeys& keys) noexcept {
  switch (keys.cipher) {
    case Cipher::kAes128Gcm:
      return install<tls12_crypto_info_aes_gcm_128>(fd, half, keys, TLS_CIPHER_AES_GCM_128,
                                                    fill_gcm<tls12_crypto_info_aes_gcm_128>);
    case Cipher::kAes256Gcm:
      return install<tls12_crypto_info_aes_gcm_256>(fd, half, keys, TLS_CIPHER_AES_GCM_256,
                                                    fill_gcm<tls12_crypto_info_aes_gcm_256>);
    case Cipher::kChacha20Poly1305:
      return install<tls12_crypto_info_chacha20_poly1305>(
          fd, half, keys, TLS_CIPHER_CHACHA20_POLY1305, fill_chacha);
  }
  return EINVAL;
}

KernelRecord receive_record(int fd, std::span<std::byte> into) noexcept {
  iovec part{into.data(), into.size()};
  ControlSpace space;
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = space.bytes.data();
  message.msg_controllen = space.bytes.size();
  const auto count = ::recvmsg(fd, &message, MSG_DONTWAIT);
  if (count < 0) return {-1, errno};
  KernelRecord record{count};
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_level == SOL_TLS &&
      header->cmsg_type == TLS_GET_RECORD_TYPE) {
    unsigned char type = 0;
    std::memcpy(&type, CMSG_DATA(header), sizeof type);
    record.type = static_cast<wire::RecordType>(type);
    record.is_data = record.type == wire::RecordType::kApplicationData;
  } else {
    record.is_end = count == 0;
  }
  return record;
}

int send_record(int fd, wire::RecordType type, std::span<const std::byte> body) noexcept {
  // sendmsg(2) only reads what it is given.
  iovec part{const_cast<std::byte*>(body.data()), body.size()};
  ControlSpace space;
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = space.bytes.data();
  message.msg_controllen = space.bytes.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_TLS;
  header->cmsg_type = TLS_SET_RECORD_TYPE;
  header->cmsg_len = CMSG_LEN(sizeof(unsigned char));
  const auto value = static_cast<unsigned char>(type);
  std::memcpy(CMSG_DATA(header), &value, sizeof value);
  const auto sent = ::sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0) return errno;
  return static_cast<std::size_t>(sent) == body.size() ? 0 : EIO;
}

}  // namespace sluice::tls
