// The buffers that datagrams arrive in, and the queues in which they wait for the end of the turn.
//
// A buffer is the kernel's until a datagram arrives in it, then the worker's until the end of the
// turn: by then what it holds has been sent on or dropped, and `recycle()` gives all of them back.
// So no buffer is held longer than a turn, and a turn handles kBufferCount datagrams at the most.
// Each buffer holds the longest datagram there is, or as many as the kernel joined (UDP_GRO,
// udp(7)). A worker has two pools, one for what clients send and one for what servers send: a flood
// from one side leaves the other its buffers. Thread: its worker's.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sluice/address.h"
#include "sluice/error.h"
#include "uring/buffer_ring.h"
#include "uring/ring.h"

namespace sluice::proxy {

/// A queue of datagrams in the order they arrived; the links are inside the pool.
struct DatagramQueue {
  static constexpr std::uint16_t kNone = 0xffff;
  std::uint16_t first = kNone;
  std::uint16_t last = kNone;

  [[nodiscard]] bool is_empty() const noexcept { return first == kNone; }
};

class DatagramPool {
 public:
  /// Buffers of one pool: address space until they are used, then at least a page each.
  static constexpr std::uint32_t kBufferCount = 256;
  /// The longest payload, with or without joining (65,527 bytes over IPv6), and what the kernel
  /// writes before it: what arrives is never cut.
  static constexpr std::uint32_t kBufferBytes = 65'536 + 256;

  /// Whom the pool's datagrams come from; it decides what the kernel writes before their bytes.
  enum class Source : std::uint8_t {
    kClients,  ///< the sender's address and the address it spoke to
    kServers,  ///< neither: the sockets are connected
  };

  [[nodiscard]] static Result<DatagramPool> create(uring::Ring& ring, Source source,
                                                   std::uint32_t buffer_bytes = kBufferBytes);

  /// What has arrived in a buffer.
  struct Arrival {
    std::uint16_t buffer = 0;
    std::uint32_t length = 0;
    std::uint32_t datagrams = 1;  ///< joined by the kernel
    bool is_cut = false;          ///< longer than a buffer: not to be passed on
    Endpoint from;
    Endpoint to;  ///< port 0; unspecified where the socket is bound to one address
  };

  /// Puts a receive of as many datagrams as come into flight.
  void receive(uring::Ring& ring, uring::Completion& op, int fd) noexcept;
  /// Reads a completion that names a buffer.
  [[nodiscard]] Arrival take(uring::Outcome outcome) noexcept;

  void push(DatagramQueue& queue, std::uint16_t buffer) noexcept;
  [[nodiscard]] std::uint16_t pop(DatagramQueue& queue) noexcept;

  [[nodiscard]] std::span<const std::byte> bytes(std::uint16_t buffer) const noexcept {
    return ring_.bytes(buffer).subspan(payload_at_, arrived_[buffer].length);
  }
  /// Bytes of each datagram of a buffer but the last; at least 1.
  [[nodiscard]] std::uint32_t segment(std::uint16_t buffer) const noexcept {
    return arrived_[buffer].segment;
  }
  /// The one after this in its queue.
  [[nodiscard]] std::uint16_t next(std::uint16_t buffer) const noexcept {
    return arrived_[buffer].next;
  }

  /// End of turn: every buffer taken in it goes back to the kernel; no queue may hold one.
  void recycle() noexcept;

 private:
  struct Arrived {
    std::uint32_t length = 0;
    std::uint32_t segment = 1;
    std::uint16_t next = DatagramQueue::kNone;
  };

  DatagramPool(uring::BufferRing ring, Source source);
  void read_control(const cmsghdr* first, std::size_t size, Arrival& arrival) noexcept;

  uring::BufferRing ring_;
  msghdr shape_{};  ///< the kernel reads it as long as a receive is in flight
  std::uint32_t payload_at_;
  std::vector<Arrived> arrived_;
  std::vector<std::uint16_t> taken_;  ///< since the last recycle()
};

}  // namespace sluice::proxy
