#include "proxy/proxy_address.h"

#include <algorithm>
#include <cstring>

#include "proxy/network_set.h"

namespace sluice::proxy {
namespace {

wire::ProxyAddress address_of(const Endpoint& endpoint, wire::ProxyFamily family) noexcept {
  const IpBytes bytes = ip_bytes(endpoint);
  wire::ProxyAddress address;
  address.port = endpoint.port();
  if (family == wire::ProxyFamily::kIpv6) {
    address.ip = bytes;
  } else {
    std::copy(bytes.begin() + kMappedPrefix, bytes.end(), address.ip.begin());
  }
  return address;
}

}  // namespace

Endpoint endpoint_of(wire::ProxyFamily family, const wire::ProxyAddress& address) noexcept {
  sockaddr_storage storage{};
  if (family == wire::ProxyFamily::kIpv4) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    std::memcpy(&v4.sin_addr, address.ip.data(), sizeof v4.sin_addr);
    std::memcpy(&storage, &v4, sizeof v4);
  } else if (family == wire::ProxyFamily::kIpv6) {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    std::memcpy(&v6.sin6_addr, address.ip.data(), sizeof v6.sin6_addr);
    std::memcpy(&storage, &v6, sizeof v6);
  }
  return Endpoint::from_sockaddr(storage).with_port(address.port);
}

wire::ProxyHeader header_of(const Endpoint& source, const Endpoint& destination) noexcept {
  wire::ProxyHeader header;
  if (!source.is_specified() || !destination.is_specified()) return header;
  const bool is_v4 = source.family() == AF_INET && destination.family() == AF_INET;
  header.family = is_v4 ? wire::ProxyFamily::kIpv4 : wire::ProxyFamily::kIpv6;
  header.source = address_of(source, header.family);
  header.destination = address_of(destination, header.family);
  return header;
}

}  // namespace sluice::proxy
