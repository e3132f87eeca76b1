// Loopback TCP for tests: the far ends of connections that the code under test works on. Far ends
// block, with a deadline, so that a test that goes wrong ends.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "sluice/address.h"
#include "sys/fd.h"

namespace sluice::proxy {

using Bytes = std::vector<std::byte>;

/// Both ends of one connection: `near` is non-blocking, as the proxy has it.
struct TcpPair {
  sys::Fd near;
  sys::Fd far;
};

/// `near_receive_bytes`: SO_RCVBUF of the near end; 0 leaves the kernel's choice.
TcpPair make_tcp_pair(int near_receive_bytes = 0);

/// One whose far end takes only a few KiB: what is sent to it and not read stays with the sender.
TcpPair make_narrow_pair();

/// A listener on a free port of 127.0.0.1.
struct TcpServer {
  sys::Fd fd;
  Endpoint address;
};
TcpServer make_server(int backlog = 128);
/// A port that is taken, but refuses connections until somebody listens on the descriptor.
TcpServer make_refusing_server();
/// A listener that answers nobody: its queue is full. `filler` keeps it so.
struct Blackhole {
  TcpServer server;
  sys::Fd filler;
};
Blackhole make_blackhole();

/// Blocking connect, with a deadline for everything that follows.
sys::Fd connect_to(const Endpoint& address);
/// Waits for a connection; not open when none came.
sys::Fd accept_from(const TcpServer& server);

/// The same bytes for the same seed.
Bytes random_bytes(std::size_t count, std::uint64_t seed);

/// False when the other end did not take them in time.
[[nodiscard]] bool send_all(int fd, const Bytes& bytes);
/// Writes without blocking until the socket takes no more; gives how many bytes it took.
std::size_t send_some(int fd, const Bytes& bytes, std::size_t offset);

/// `count` bytes, fewer when the other end stops before.
Bytes receive_exactly(int fd, std::size_t count);

/// What came until the end, and what the end was: 0 in order, else the errno.
struct Rest {
  Bytes bytes;
  int error = 0;
};
Rest receive_to_end(int fd);

/// Segments with data that the connection has sent so far (tcpi_data_segs_out of tcp(7)).
std::uint32_t data_segments_sent(int fd);

void shut_down_writing(int fd);
/// Closes with a reset.
void reset(sys::Fd& fd);
/// A send would take at least something now.
bool is_writable(int fd);
/// Bytes that wait to be read (FIONREAD).
int readable_bytes(int fd);

}  // namespace sluice::proxy
