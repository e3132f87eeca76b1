// What the datagrams of the benchmarks carry, and the sockets that send them.
//
// An exchange is a burst of datagrams of one size from a client and one answer from the server. The
// datagrams carry the exchange's number and how many of its burst follow; the server answers the
// last one and says how many of them it got. So the client knows what was lost on the way.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "socket.h"

namespace sluice::bench {

/// At the start of each datagram; the rest is the pattern. Byte order is the machine's.
struct DatagramHead {
  std::uint32_t exchange = 0;
  std::uint32_t count = 0;  ///< request: how many follow; answer: how many arrived
};

inline constexpr std::size_t kMostDatagramBytes = 65'507;

[[nodiscard]] Result<Fd> bind_datagrams(const Endpoint& endpoint);
[[nodiscard]] Result<Fd> connect_datagrams(const Endpoint& target,
                                           const std::optional<Endpoint>& source);

/// A datagram of `size` bytes, sizeof(DatagramHead) at least.
[[nodiscard]] std::vector<char> make_datagram(std::size_t size);

}  // namespace sluice::bench
