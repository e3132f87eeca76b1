#include "proxy/network_set.h"

#include <algorithm>
#include <cstring>

namespace sluice::proxy {
namespace {

constexpr unsigned kMappedBits = 96;

void map_ipv4(IpBytes& bytes, const void* address) noexcept {
  bytes[10] = bytes[11] = 0xff;
  std::memcpy(bytes.data() + kMappedPrefix, address, 4);
}

bool begins_like(const IpBytes& left, const IpBytes& right, unsigned bits) noexcept {
  const std::size_t whole = bits / 8;
  if (std::memcmp(left.data(), right.data(), whole) != 0) return false;
  const unsigned rest = bits % 8;
  return rest == 0 || (left[whole] ^ right[whole]) >> (8 - rest) == 0;
}

}  // namespace

IpBytes ip_bytes(const Endpoint& endpoint) noexcept {
  IpBytes bytes{};
  if (endpoint.family() == AF_INET) {
    sockaddr_in address{};
    std::memcpy(&address, endpoint.data(), sizeof address);
    map_ipv4(bytes, &address.sin_addr);
  } else if (endpoint.family() == AF_INET6) {
    sockaddr_in6 address{};
    std::memcpy(&address, endpoint.data(), sizeof address);
    std::memcpy(bytes.data(), &address.sin6_addr, bytes.size());
  }
  return bytes;
}

NetworkSet::NetworkSet(std::span<const Network> networks) {
  for (const Network& network : networks) {
    Entry entry{network.address, network.prefix_bits};
    if (!network.is_ipv6) {
      entry.address = {};
      map_ipv4(entry.address, network.address.data());
      entry.prefix_bits += kMappedBits;
    }
    entries_.push_back(entry);
  }
}

bool NetworkSet::contains(const Endpoint& endpoint) const noexcept {
  if (entries_.empty() || !endpoint.is_specified()) return false;
  const IpBytes bytes = ip_bytes(endpoint);
  return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return begins_like(bytes, entry.address, entry.prefix_bits);
  });
}

}  // namespace sluice::proxy
