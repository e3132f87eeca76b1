#include "socket.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

namespace sluice::bench {
namespace {

constexpr int kOn = 1;

// Without Nagle's algorithm on either end, so that a small message costs one segment.
Result<Fd> make_socket(int family) {
  Fd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.is_open()) return system_error("socket");
  if (setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &kOn, sizeof kOn) != 0) {
    return system_error("TCP_NODELAY");
  }
  return fd;
}

Result<Fd> make_client(const Endpoint& target, const std::optional<Endpoint>& source) {
  Result<Fd> fd = make_socket(target.storage.ss_family);
  if (!fd || !source) return fd;
  // The port is chosen by connect, where the kernel knows the whole four-tuple: ip(7).
  setsockopt(fd->get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &kOn, sizeof kOn);
  if (bind(fd->get(), source->get(), source->size) != 0) return system_error("bind");
  return fd;
}

Result<Fd> make_non_blocking(Fd fd) {
  const int flags = fcntl(fd.get(), F_GETFL);
  if (flags < 0 || fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    return system_error("O_NONBLOCK");
  }
  return fd;
}

}  // namespace

void Fd::reset() {
  if (number_ >= 0) ::close(number_);
  number_ = -1;
}

tl::unexpected<Error> system_error(const std::string& what) {
  return fail(what + ": " + std::generic_category().message(errno));
}

Result<Endpoint> parse_endpoint(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return fail(text + ": expected ADDRESS:PORT", ExitCode::kUsage);
  std::string host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int status = getaddrinfo(host.c_str(), text.c_str() + colon + 1, &hints, &found);
  if (status != 0) return fail(text + ": " + gai_strerror(status), ExitCode::kUsage);
  Endpoint endpoint;
  std::memcpy(&endpoint.storage, found->ai_addr, found->ai_addrlen);
  endpoint.size = found->ai_addrlen;
  freeaddrinfo(found);
  return endpoint;
}

Endpoint loopback_source(std::uint32_t index) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + index);
  Endpoint endpoint;
  std::memcpy(&endpoint.storage, &address, sizeof address);
  endpoint.size = sizeof address;
  return endpoint;
}

Result<Fd> listen_on(const Endpoint& endpoint) {
  Result<Fd> fd = make_socket(endpoint.storage.ss_family);
  if (!fd) return fd;
  setsockopt(fd->get(), SOL_SOCKET, SO_REUSEADDR, &kOn, sizeof kOn);
  if (bind(fd->get(), endpoint.get(), endpoint.size) != 0) return system_error("bind");
  if (listen(fd->get(), SOMAXCONN) != 0) return system_error("listen");
  return make_non_blocking(std::move(*fd));
}

Result<std::uint16_t> local_port(const Fd& socket) {
  sockaddr_in6 address{};
  socklen_t size = sizeof address;
  // The port stands at the same place in both families.
  auto* raw = reinterpret_cast<sockaddr*>(&address);  // NOLINT: the socket API's own cast
  if (getsockname(socket.get(), raw, &size) != 0) return system_error("getsockname");
  return ntohs(address.sin6_port);
}

Result<Fd> start_connect(const Endpoint& target, const std::optional<Endpoint>& source) {
  Result<Fd> fd = make_client(target, source);
  if (!fd) return fd;
  fd = make_non_blocking(std::move(*fd));
  if (!fd) return fd;
  if (connect(fd->get(), target.get(), target.size) != 0 && errno != EINPROGRESS) {
    return system_error("connect");
  }
  return fd;
}

Result<Fd> connect_to(const Endpoint& target, const std::optional<Endpoint>& source) {
  Result<Fd> fd = make_client(target, source);
  if (!fd) return fd;
  if (connect(fd->get(), target.get(), target.size) != 0) return system_error("connect");
  return make_non_blocking(std::move(*fd));
}

}  // namespace sluice::bench
