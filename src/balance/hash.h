// The hashes that balancing goes by: of names, of clients, and of a hash once more.
//
// They are the same in every process and on every machine, so two proxies with the same
// configuration send a client to the same server. Pure; any thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "sluice/address.h"

namespace sluice::balance {

[[nodiscard]] std::uint64_t hash_of(std::string_view text, std::uint64_t seed) noexcept;

/// Of a client's address without its port, never 0. An IPv4 address and the same one mapped into
/// IPv6 are one client. All clients without an address (UNIX sockets) are one as well.
[[nodiscard]] std::uint64_t client_key(const Endpoint& client) noexcept;

/// The same with a key of one's own, for what nobody is to foresee; may be 0.
[[nodiscard]] std::uint64_t address_hash(const Endpoint& client, std::uint64_t key) noexcept;

/// Of a client's address and port, never 0: tells the flows of one client apart.
[[nodiscard]] std::uint64_t flow_key(const Endpoint& client) noexcept;

/// Another number that depends on nothing but this one (SplitMix64's finalizer, a bijection).
[[nodiscard]] constexpr std::uint64_t rehash(std::uint64_t hash) noexcept {
  hash += 0x9e3779b97f4a7c15;
  hash = (hash ^ hash >> 30) * 0xbf58476d1ce4e5b9;
  hash = (hash ^ hash >> 27) * 0x94d049bb133111eb;
  return hash ^ hash >> 31;
}

/// An even spread of hashes over 0..size-1, without a division.
[[nodiscard]] constexpr std::uint32_t scale(std::uint64_t hash, std::uint32_t size) noexcept {
  return static_cast<std::uint32_t>(((hash >> 32) * size) >> 32);
}

}  // namespace sluice::balance
