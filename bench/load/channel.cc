#include "channel.h"

namespace sluice::bench {

ssize_t PlainChannel::send(const char* bytes, std::size_t size) {
  return ::send(fd().get(), bytes, size, MSG_NOSIGNAL);
}

// MSG_TRUNC on TCP drops the bytes without copying them: tcp(7).
ssize_t PlainChannel::receive(char* bytes, std::size_t size, Reading reading) {
  return ::recv(fd().get(), bytes, size, reading == Reading::kDrop ? MSG_TRUNC : 0);
}

}  // namespace sluice::bench
