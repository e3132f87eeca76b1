#include "sys/socket.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>

#include <cerrno>

#include "sys/bind_remedy.h"
#include "sys/socket_option.h"

namespace sluice::sys {

Result<Fd> listen_tcp(const Endpoint& address, PortSharing sharing, std::uint32_t backlog) {
  Fd fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  const auto refused = [&](int error) {
    return fail("cannot listen on " + address.to_string() + ": " + bind_remedy(error));
  };
  if (!fd.is_open()) return refused(errno);
  set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (sharing == PortSharing::kShared) set_option(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1);
  if (address.family() == AF_INET6) set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
  set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  if (::bind(fd.get(), address.data(), address.size()) != 0) return refused(errno);
  if (::listen(fd.get(), static_cast<int>(backlog)) != 0) return refused(errno);
  return fd;
}

Result<Fd> duplicate(int fd) {
  Fd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!copy.is_open()) return fail("no further descriptor: " + bind_remedy(errno));
  return copy;
}

Fd make_tcp_socket(int family) noexcept {
  return Fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
}

void set_no_delay(int fd) noexcept {
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

void set_keepalive(int fd, Keepalive keepalive) noexcept {
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, keepalive == Keepalive::kOn ? 1 : 0);
  if (keepalive == Keepalive::kOff) return;
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 60);
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 10);
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 6);
}

void reset_on_close(int fd) noexcept {
  const linger now{1, 0};
  static_cast<void>(::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now));
}

bool is_shortage(int error) noexcept {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

bool is_out_of_ports(int error) noexcept {
  return error == EADDRNOTAVAIL || error == EAGAIN;
}

int unacknowledged_bytes(int fd) noexcept {
  int bytes = 0;
  if (::ioctl(fd, SIOCOUTQ, &bytes) != 0 || bytes == 0) return 0;
  // A connection that is gone keeps the number of what it never delivered.
  tcp_info info{};
  socklen_t size = sizeof info;
  const bool is_known = ::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0;
  return is_known && info.tcpi_state == TCP_CLOSE ? 0 : bytes;
}

Endpoint remote_endpoint(int fd) noexcept {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return {};
  return Endpoint::from_sockaddr(storage);
}

Endpoint local_endpoint(int fd) noexcept {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return {};
  return Endpoint::from_sockaddr(storage);
}

}  // namespace sluice::sys
