#include "balance/hash.h"

#define XXH_INLINE_ALL  // NOLINT(readability-identifier-naming): xxHash's
#include <xxhash.h>

#include <array>
#include <cstring>

namespace sluice::balance {
namespace {

/// The address in IPv6's form, and 0 or the port.
struct Identity {
  std::array<std::uint8_t, 16> address{};
  std::uint16_t port = 0;
};

Identity identity_of(const Endpoint& client, std::uint16_t port) noexcept {
  Identity identity;
  identity.port = port;
  if (client.family() == AF_INET6) {
    sockaddr_in6 v6;
    std::memcpy(&v6, client.data(), sizeof(v6));
    std::memcpy(identity.address.data(), &v6.sin6_addr, identity.address.size());
  } else if (client.family() == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, client.data(), sizeof(v4));
    identity.address[10] = identity.address[11] = 0xff;
    std::memcpy(&identity.address[12], &v4.sin_addr, sizeof(v4.sin_addr));
  }
  return identity;
}

std::uint64_t key_of(const Identity& identity) noexcept {
  const std::uint64_t key =
      XXH3_64bits_withSeed(identity.address.data(), identity.address.size(), identity.port);
  return key == 0 ? 1 : key;
}

}  // namespace

std::uint64_t hash_of(std::string_view text, std::uint64_t seed) noexcept {
  return XXH3_64bits_withSeed(text.data(), text.size(), seed);
}

std::uint64_t client_key(const Endpoint& client) noexcept {
  return key_of(identity_of(client, 0));
}

std::uint64_t address_hash(const Endpoint& client, std::uint64_t key) noexcept {
  const Identity identity = identity_of(client, 0);
  return XXH3_64bits_withSeed(identity.address.data(), identity.address.size(), key);
}

std::uint64_t flow_key(const Endpoint& client) noexcept {
  return key_of(identity_of(client, client.port()));
}

}  // namespace sluice::balance
