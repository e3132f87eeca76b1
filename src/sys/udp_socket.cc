#include "sys/udp_socket.h"

#include <linux/sock_diag.h>
#include <netinet/udp.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "sys/bind_remedy.h"
#include "sys/socket_option.h"

namespace sluice::sys {
namespace {

/// The FORCE options pass the system's limit, with CAP_NET_ADMIN only; the plain ones do what they
/// may.
void set_buffers(int fd) noexcept {
  const int bytes = kUdpBufferBytes;
  if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0) {
    set_option(fd, SOL_SOCKET, SO_RCVBUF, bytes);
  }
  if (::setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) != 0) {
    set_option(fd, SOL_SOCKET, SO_SNDBUF, bytes);
  }
}

}  // namespace

Result<Fd> bind_udp(const Endpoint& address, PortSharing sharing) {
  Fd fd(::socket(address.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP));
  const auto refused = [&](int error) {
    return fail("cannot listen on " + address.to_string() + " (udp): " + bind_remedy(error));
  };
  if (!fd.is_open()) return refused(errno);
  if (sharing == PortSharing::kShared) set_option(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1);
  set_buffers(fd.get());
  set_option(fd.get(), IPPROTO_UDP, UDP_GRO, 1);
  if (address.family() == AF_INET6) set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
  if (is_wildcard(address)) {
    if (address.family() == AF_INET6) {
      set_option(fd.get(), IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    } else {
      set_option(fd.get(), IPPROTO_IP, IP_PKTINFO, 1);
    }
  }
  if (::bind(fd.get(), address.data(), address.size()) != 0) return refused(errno);
  return fd;
}

Fd connect_udp(const Endpoint& address) noexcept {
  Fd fd(::socket(address.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP));
  if (!fd.is_open()) return fd;
  set_option(fd.get(), IPPROTO_UDP, UDP_GRO, 1);
  if (::connect(fd.get(), address.data(), address.size()) != 0) {
    const int error = errno;
    fd.reset();
    errno = error;
  }
  return fd;
}

std::uint32_t datagrams_dropped(int fd) noexcept {
  std::array<std::uint32_t, SK_MEMINFO_VARS> info{};
  socklen_t size = sizeof info;
  if (::getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info.data(), &size) != 0) return 0;
  return info[SK_MEMINFO_DROPS];
}

bool is_wildcard(const Endpoint& address) noexcept {
  if (address.family() == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address.data());
    return IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr);
  }
  const auto* v4 = reinterpret_cast<const sockaddr_in*>(address.data());
  return address.family() == AF_INET && v4->sin_addr.s_addr == htonl(INADDR_ANY);
}

}  // namespace sluice::sys
