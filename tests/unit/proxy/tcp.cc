#include "tcp.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <random>
#include <stdexcept>
#include <utility>

#include "sys/socket.h"

namespace sluice::proxy {
namespace {

constexpr int kPatienceMs = 20'000;

/// As in the program itself (splice(2) has no MSG_NOSIGNAL), for every test that links this.
[[maybe_unused]] const auto unbroken = std::signal(SIGPIPE, SIG_IGN);

/// A call with a deadline (SO_RCVTIMEO) is not restarted after a signal, and the work that the
/// kernel has left of an earlier test's ring counts as one.
template <typename Call>
ssize_t uninterrupted(Call call) {
  for (;;) {
    const ssize_t result = call();
    if (result >= 0 || errno != EINTR) return result;
  }
}

[[noreturn]] void fail_setup(const std::string& what) {
  throw std::runtime_error(what + ": errno " + std::to_string(errno));
}

sys::Fd make_socket() {
  sys::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.is_open()) fail_setup("socket");
  const timeval limit{kPatienceMs / 1000, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

TcpServer bind_to_free_port() {
  TcpServer server{make_socket(), {}};
  const auto any = Endpoint::parse("127.0.0.1:0");
  if (::bind(server.fd.get(), any->data(), any->size()) != 0) fail_setup("bind");
  server.address = sys::local_endpoint(server.fd.get());
  return server;
}

bool wait_for(int fd, short events, int milliseconds) {
  pollfd wanted{fd, events, 0};
  return ::poll(&wanted, 1, milliseconds) == 1;
}

}  // namespace

TcpServer make_server(int backlog) {
  TcpServer server = bind_to_free_port();
  if (::listen(server.fd.get(), backlog) != 0) fail_setup("listen");
  return server;
}

TcpServer make_refusing_server() {
  return bind_to_free_port();
}

Blackhole make_blackhole() {
  // A queue of length 0 holds one connection; the kernel drops the SYN of every further one.
  Blackhole blackhole{make_server(0), {}};
  blackhole.filler = connect_to(blackhole.server.address);
  if (!wait_for(blackhole.server.fd.get(), POLLIN, kPatienceMs)) fail_setup("fill the queue");
  return blackhole;
}

sys::Fd connect_to(const Endpoint& address) {
  sys::Fd fd = make_socket();
  if (::connect(fd.get(), address.data(), address.size()) != 0) fail_setup("connect");
  return fd;
}

sys::Fd accept_from(const TcpServer& server) {
  if (!wait_for(server.fd.get(), POLLIN, kPatienceMs)) return {};
  sys::Fd fd(::accept4(server.fd.get(), nullptr, nullptr, SOCK_CLOEXEC));
  const timeval limit{kPatienceMs / 1000, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  return fd;
}

TcpPair make_tcp_pair(int near_receive_bytes) {
  TcpServer server = bind_to_free_port();
  // An accepted socket has its buffer from the listener, before the window is agreed on.
  if (near_receive_bytes != 0) {
    ::setsockopt(server.fd.get(), SOL_SOCKET, SO_RCVBUF, &near_receive_bytes,
                 sizeof near_receive_bytes);
  }
  if (::listen(server.fd.get(), 1) != 0) fail_setup("listen");
  TcpPair pair;
  pair.far = connect_to(server.address);
  pair.near.reset(::accept4(server.fd.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!pair.near.is_open()) fail_setup("accept");
  return pair;
}

TcpPair make_narrow_pair() {
  const TcpServer server = make_server(1);
  TcpPair pair{{}, make_socket()};
  const int few = 4096;
  ::setsockopt(pair.far.get(), SOL_SOCKET, SO_RCVBUF, &few, sizeof few);
  const Endpoint& address = server.address;
  if (::connect(pair.far.get(), address.data(), address.size()) != 0) fail_setup("connect");
  pair.near.reset(::accept4(server.fd.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!pair.near.is_open()) fail_setup("accept");
  return pair;
}

Bytes random_bytes(std::size_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Bytes bytes(count);
  for (std::size_t place = 0; place < count; place += sizeof(std::uint64_t)) {
    const std::uint64_t word = random();
    std::memcpy(bytes.data() + place, &word, std::min(sizeof word, count - place));
  }
  return bytes;
}

bool send_all(int fd, const Bytes& bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const auto count = uninterrupted(
        [&] { return ::send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL); });
    if (count <= 0) return false;
    sent += static_cast<std::size_t>(count);
  }
  return true;
}

std::size_t send_some(int fd, const Bytes& bytes, std::size_t offset) {
  std::size_t sent = 0;
  while (offset + sent < bytes.size()) {
    const auto count = ::send(fd, bytes.data() + offset + sent, bytes.size() - offset - sent,
                              MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count <= 0) break;
    sent += static_cast<std::size_t>(count);
  }
  return sent;
}

Bytes receive_exactly(int fd, std::size_t count) {
  Bytes bytes(count);
  std::size_t got = 0;
  while (got < count) {
    const auto more = uninterrupted([&] { return ::recv(fd, bytes.data() + got, count - got, 0); });
    if (more <= 0) break;
    got += static_cast<std::size_t>(more);
  }
  bytes.resize(got);
  return bytes;
}

Rest receive_to_end(int fd) {
  Rest rest;
  std::array<std::byte, 65536> part;
  for (;;) {
    const auto count = uninterrupted([&] { return ::recv(fd, part.data(), part.size(), 0); });
    if (count == 0) return rest;
    if (count < 0) {
      rest.error = errno;
      return rest;
    }
    rest.bytes.insert(rest.bytes.end(), part.begin(), part.begin() + count);
  }
}

std::uint32_t data_segments_sent(int fd) {
  constexpr std::size_t kPlace = 156;  // in the kernel's tcp_info; glibc's ends before it
  std::array<std::byte, kPlace + sizeof(std::uint32_t)> info{};
  socklen_t size = sizeof info;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, info.data(), &size) != 0 || size != sizeof info) {
    throw std::runtime_error("TCP_INFO");
  }
  std::uint32_t count = 0;
  std::memcpy(&count, info.data() + kPlace, sizeof count);
  return count;
}

void shut_down_writing(int fd) {
  ::shutdown(fd, SHUT_WR);
}

void reset(sys::Fd& fd) {
  sys::reset_on_close(fd.get());
  fd.reset();
}

bool is_writable(int fd) {
  return wait_for(fd, POLLOUT, 0);
}

int readable_bytes(int fd) {
  int bytes = 0;
  ::ioctl(fd, FIONREAD, &bytes);
  return bytes;
}

}  // namespace sluice::proxy
