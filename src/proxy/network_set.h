// Networks in CIDR notation, asked whether an address is in one of them.
//
// An IPv4 address that arrives as IPv6 (`::ffff:192.0.2.1`) is an IPv4 address here. Immutable;
// any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sluice/address.h"
#include "sluice/config.h"

namespace sluice::proxy {

/// An IP address without a port, IPv4 as `::ffff:a.b.c.d`.
using IpBytes = std::array<std::uint8_t, 16>;

/// Bytes of `IpBytes` before the address of IPv4: those of ::ffff:0:0/96.
inline constexpr std::size_t kMappedPrefix = 12;

/// All zero for an endpoint that has no IP address.
[[nodiscard]] IpBytes ip_bytes(const Endpoint& endpoint) noexcept;

class NetworkSet {
 public:
  NetworkSet() = default;
  explicit NetworkSet(std::span<const Network> networks);

  [[nodiscard]] bool is_empty() const noexcept { return entries_.empty(); }
  /// False for an endpoint without an IP address.
  [[nodiscard]] bool contains(const Endpoint& endpoint) const noexcept;

 private:
  struct Entry {
    IpBytes address{};
    unsigned prefix_bits = 0;
  };
  std::vector<Entry> entries_;
};

}  // namespace sluice::proxy
