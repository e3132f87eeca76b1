// Datagrams that go out in one call: one after the other of the same length, the last one perhaps
// shorter, which the kernel takes as one large piece and cuts up at the end of its work
// (UDP_SEGMENT, udp(7), Linux 4.18). One way through its stack instead of many.
//
// `RunShape` decides what may be joined and is pure; `DatagramRun` points at the bytes, which stay
// in their pool's buffers until the end of the turn. Thread: its worker's. Limits: 64 datagrams
// and 64 pieces, 65,000 bytes when joined.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "proxy/datagram_pool.h"
#include "sluice/address.h"

namespace sluice::proxy {

/// Whether datagrams may share a call: a path may refuse it (its MTU is smaller than one of them,
/// its device cannot checksum), and then they go one by one.
enum class Joining : std::uint8_t { kAllowed, kRefused };

class RunShape {
 public:
  static constexpr std::uint32_t kMostDatagrams = 64;  ///< UDP_MAX_SEGMENTS of Linux 4.18
  static constexpr std::uint32_t kMostPieces = 64;
  static constexpr std::uint32_t kMostBytes = 65'000;  ///< of a joined run, below 65,507

  /// Takes a piece of `length` bytes in: datagrams of `segment` bytes, the last one perhaps
  /// shorter. False, and unchanged, when it cannot be part of this run. The first always can.
  [[nodiscard]] bool join(std::uint32_t length, std::uint32_t segment) noexcept;

  [[nodiscard]] std::uint32_t segment() const noexcept { return segment_; }
  [[nodiscard]] std::uint32_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::uint32_t datagrams() const noexcept { return datagrams_; }
  [[nodiscard]] std::uint32_t pieces() const noexcept { return pieces_; }

 private:
  [[nodiscard]] bool admits(std::uint32_t length, std::uint32_t segment) const noexcept;

  std::uint32_t segment_ = 0;  ///< bytes of each datagram but the last
  std::uint32_t bytes_ = 0;
  std::uint32_t datagrams_ = 0;
  std::uint32_t pieces_ = 0;
  bool is_full_ = false;  ///< its last datagram is shorter: nothing may follow
};

/// Where a run goes. Both addresses may be unspecified: a connected socket, and the address that
/// the kernel chooses.
struct RunEnds {
  const Endpoint& to;
  const Endpoint& from;
};

class DatagramRun {
 public:
  /// Takes the first datagrams of the queue, which is not empty: as many as may share a call.
  void gather(const DatagramPool& pool, DatagramQueue& queue, Joining joining) noexcept;
  /// The run is one datagram of these bytes.
  void set(std::span<const std::byte> bytes) noexcept;
  /// Bytes before the datagram's, as part of it, until this is called again; none for a run of
  /// several. They stay the caller's.
  void put_before(std::span<const std::byte> bytes) noexcept;

  /// The message for sendmsg(2), valid while this run and `ends` live.
  [[nodiscard]] msghdr& prepare(RunEnds ends) noexcept;

  /// Calls `send(std::span<const std::byte>)` for each datagram by itself.
  template <typename Send>
  void for_each_datagram(Send send) const {
    for (std::uint32_t piece = 0; piece < shape_.pieces(); ++piece) {
      std::span<const std::byte> rest(static_cast<const std::byte*>(pieces_[piece + 1].iov_base),
                                      pieces_[piece + 1].iov_len);
      do {
        const std::size_t length = std::min<std::size_t>(rest.size(), shape_.segment());
        send(rest.first(length));
        rest = rest.subspan(length);
      } while (!rest.empty());
    }
  }

  [[nodiscard]] const RunShape& shape() const noexcept { return shape_; }
  [[nodiscard]] bool is_joined() const noexcept { return shape_.datagrams() > 1; }

 private:
  static constexpr std::size_t kControlBytes = 80;  ///< an in6_pktinfo and a uint16_t

  RunShape shape_;
  msghdr message_{};
  alignas(cmsghdr) std::array<std::byte, kControlBytes> control_;
  std::array<iovec, RunShape::kMostPieces + 1> pieces_;  ///< the first is what is put before
  bool has_prefix_ = false;
};

/// What became of a send, by what is to be done about it.
enum class SendFault : std::uint8_t {
  kNone,
  kRefused,      ///< the other end has told that nobody listens there (ICMP port unreachable)
  kTooLong,      ///< no datagram can be so long on this path
  kNoRoom,       ///< our own queues are full
  kUnreachable,  ///< no route, a filter
};
[[nodiscard]] SendFault classify_send(int error) noexcept;
/// The kernel refuses this run joined, and would take its datagrams one by one.
[[nodiscard]] bool is_joining_refused(int error) noexcept;

}  // namespace sluice::proxy
