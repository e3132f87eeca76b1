// UDP sockets: those that clients speak to, and one for each flow toward its server.
//
// Functions of the data path give errno values (0 = done) and do not allocate; `bind_udp()` is used
// at start and on a reload and gives a sentence for a person. Any thread.
#pragma once

#include <cstdint>

#include "sluice/address.h"
#include "sluice/error.h"
#include "sys/fd.h"
#include "sys/socket.h"

namespace sluice::sys {

/// What a listening socket's buffers are asked to hold, so that a busy turn of the loop loses
/// nothing. Without CAP_NET_ADMIN the kernel cuts it to net.core.rmem_max and wmem_max (socket(7)).
inline constexpr int kUdpBufferBytes = 4 * 1024 * 1024;

/// A bound, non-blocking UDP socket. On a wildcard address each datagram tells which address it was
/// sent to (IP_PKTINFO, ip(7); IPV6_RECVPKTINFO, ipv6(7)). Datagrams may arrive joined (UDP_GRO,
/// udp(7)). Error text names the address and the remedy.
[[nodiscard]] Result<Fd> bind_udp(const Endpoint& address, PortSharing sharing);

/// A non-blocking UDP socket connected to the address, from a port that the kernel chooses. Not
/// open on failure, errno says why.
[[nodiscard]] Fd connect_udp(const Endpoint& address) noexcept;

/// Datagrams that this socket had no room for so far (SO_MEMINFO, socket(7)); 0 where the kernel
/// does not tell.
[[nodiscard]] std::uint32_t datagrams_dropped(int fd) noexcept;

/// `0.0.0.0` or `[::]`.
[[nodiscard]] bool is_wildcard(const Endpoint& address) noexcept;

}  // namespace sluice::sys
