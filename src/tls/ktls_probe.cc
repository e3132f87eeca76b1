#include "tls/ktls_probe.h"

#include <linux/tls.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "sluice/address.h"
#include "sys/fd.h"
#include "sys/socket.h"

#ifndef TCP_ULP
#define TCP_ULP 31
#endif
#ifndef SOL_TLS
#define SOL_TLS 282
#endif

namespace sluice::tls {
namespace {

struct Version {
  const char* name;
  std::uint16_t number;
};
struct Cipher {
  const char* name;
  std::uint16_t number;
  socklen_t size;  ///< of the kernel's struct, which the option's length must match
};
struct Direction {
  const char* name;
  int option;
};

constexpr std::array<Version, 2> kVersions = {
    {{"TLS 1.2", TLS_1_2_VERSION}, {"TLS 1.3", TLS_1_3_VERSION}}};
constexpr std::array<Cipher, 3> kCiphers = {
    {{"AES-128-GCM", TLS_CIPHER_AES_GCM_128, sizeof(tls12_crypto_info_aes_gcm_128)},
     {"AES-256-GCM", TLS_CIPHER_AES_GCM_256, sizeof(tls12_crypto_info_aes_gcm_256)},
     {"CHACHA20-POLY1305", TLS_CIPHER_CHACHA20_POLY1305,
      sizeof(tls12_crypto_info_chacha20_poly1305)}}};
constexpr std::array<Direction, 2> kDirections = {{{"transmit", TLS_TX}, {"receive", TLS_RX}}};

/// A connection of this process with itself.
struct Loop {
  sys::Fd client;
  sys::Fd server;
};

Loop connect_to_ourselves() {
  Loop loop;
  const auto any = Endpoint::from_ip("127.0.0.1", 0);
  const auto listener = sys::listen_tcp(*any, sys::PortSharing::kExclusive, 1);
  if (!listener) return loop;
  const Endpoint address = sys::local_endpoint(listener->get());
  loop.client.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(loop.client.get(), address.data(), address.size()) != 0) return {};
  loop.server.reset(::accept4(listener->get(), nullptr, nullptr, SOCK_CLOEXEC));
  return loop;
}

std::string explain(int error) {
  if (error == ENOENT) return "the kernel has no tls module loaded; run 'modprobe tls'";
  if (error == EINVAL || error == ENOPROTOOPT) return "not known to this kernel";
  return std::strerror(error);
}

/// 0 or errno.
int try_out(const Version& version, const Cipher& cipher, const Direction& direction) {
  const Loop loop = connect_to_ourselves();
  if (!loop.server.is_open()) return errno != 0 ? errno : ECONNREFUSED;
  if (::setsockopt(loop.server.get(), IPPROTO_TCP, TCP_ULP, "tls", sizeof "tls") != 0) return errno;
  std::array<unsigned char, 128> info{};
  const tls_crypto_info head{version.number, cipher.number};
  std::memcpy(info.data(), &head, sizeof head);
  const int set =
      ::setsockopt(loop.server.get(), SOL_TLS, direction.option, info.data(), cipher.size);
  return set == 0 ? 0 : errno;
}

}  // namespace

std::vector<KtlsSupport> probe_ktls() {
  std::vector<KtlsSupport> found;
  for (const Version& version : kVersions) {
    for (const Cipher& cipher : kCiphers) {
      for (const Direction& direction : kDirections) {
        const int error = try_out(version, cipher, direction);
        found.push_back({std::string(version.name) + ' ' + cipher.name + ' ' + direction.name,
                         error == 0, error == 0 ? "" : explain(error)});
      }
    }
  }
  return found;
}

}  // namespace sluice::tls
