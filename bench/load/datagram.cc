#include "datagram.h"

#include <algorithm>

#include "pattern.h"

namespace sluice::bench {
namespace {

constexpr int kBufferBytes = 8 << 20;

Result<Fd> make_socket(int family) {
  Fd fd(::socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.is_open()) return system_error("socket");
  // Past the system's limit only with CAP_NET_ADMIN: socket(7).
  if (setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kBufferBytes, sizeof kBufferBytes) != 0) {
    setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &kBufferBytes, sizeof kBufferBytes);
  }
  return fd;
}

}  // namespace

Result<Fd> bind_datagrams(const Endpoint& endpoint) {
  Result<Fd> fd = make_socket(endpoint.storage.ss_family);
  if (!fd) return fd;
  if (bind(fd->get(), endpoint.get(), endpoint.size) != 0) return system_error("bind");
  return fd;
}

Result<Fd> connect_datagrams(const Endpoint& target, const std::optional<Endpoint>& source) {
  Result<Fd> fd = make_socket(target.storage.ss_family);
  if (!fd) return fd;
  if (source && bind(fd->get(), source->get(), source->size) != 0) return system_error("bind");
  if (connect(fd->get(), target.get(), target.size) != 0) return system_error("connect");
  return fd;
}

std::vector<char> make_datagram(std::size_t size) {
  const char* bytes = pattern().at(0);
  return {bytes, bytes + std::clamp(size, sizeof(DatagramHead), kMostDatagramBytes)};
}

}  // namespace sluice::bench
