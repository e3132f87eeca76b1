// One io_uring: submissions with types, completions dispatched to their Completion.
//
// Set up with DEFER_TASKRUN and SINGLE_ISSUER where the kernel has them (6.1), so completions are
// made only inside our own wait and never interrupt; older flags are tried in turn. A submission
// never fails for want of room: a full queue is handed to the kernel first.
//
// A quiet send (`send_quietly()`) spares a system call where little happens: it is carried out by
// the very call that then waits for the answer. A send with a completion would end that wait at
// once; send(2) would be a call of its own. The kernel carries it out while it takes the entry
// (MSG_DONTWAIT leaves it nothing to wait for) and makes a completion only of a failure or a short
// one (IOSQE_CQE_SKIP_SUCCESS), so where there is none, all was sent.
//
// Thread: the one that called `create()`.
#pragma once

#include <liburing.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.h"
#include "sluice/error.h"
#include "sys/fd.h"
#include "uring/completion.h"

namespace sluice::uring {

class Ring {
 public:
  /// Submission entries; the completion queue has four times as many.
  static constexpr unsigned kEntries = 4096;

  /// Error text names what refuses io_uring (seccomp, kernel.io_uring_disabled, the kernel's age)
  /// and the remedy.
  [[nodiscard]] static Result<Ring> create(unsigned entries = kEntries);

  Ring(Ring&& other) noexcept;
  Ring& operator=(Ring&&) = delete;
  ~Ring();

  // Each of these puts `op` in flight; what completes is the Linux call of the same name.
  void accept(Completion& op, int fd) noexcept;
  void accept_multishot(Completion& op, int fd) noexcept;
  void connect(Completion& op, int fd, const sockaddr* address, socklen_t size) noexcept;
  /// Bytes arrive in buffers of the group, one completion each, until an end, an error or
  /// `cancel()`.
  void receive_multishot(Completion& op, int fd, std::uint16_t buffer_group) noexcept;
  /// Completes with the first bytes that arrive, as many as fit; `into` must live until then.
  void receive(Completion& op, int fd, std::span<std::byte> into) noexcept;
  /// One completion, with up to `limit` bytes in a buffer of the group; waits for readability
  /// first.
  void receive_buffered(Completion& op, int fd, std::uint16_t buffer_group,
                        std::uint32_t limit) noexcept;
  /// One completion per datagram, as recvmsg(2) lays it out in a buffer of the group
  /// (io_uring_recvmsg_out): `shape` says how much room its name and control data get; it must
  /// live as long as the operation.
  void receive_messages(Completion& op, int fd, msghdr& shape, std::uint16_t buffer_group) noexcept;
  /// Completes when every byte is written, or with an error (MSG_WAITALL, MSG_NOSIGNAL).
  void send(Completion& op, int fd, std::span<const std::byte> bytes) noexcept;
  /// Like `send()` where the socket has room, but nobody wakes for its completion: the next
  /// `dispatch()` after its submission brings it, before all others. Tried once: -EAGAIN, or fewer
  /// bytes, where there was no room.
  void send_quietly(Completion& op, int fd, std::span<const std::byte> bytes) noexcept;
  /// Something else than the next completion waits for what was sent quietly: so the next wait is
  /// none.
  void hurry() noexcept { is_hurried_ = is_hurried_ || !quiet_.empty(); }
  [[nodiscard]] bool is_hurried() const noexcept { return is_hurried_; }
  /// Completes once when `events` of poll(2) hold; at once if they do already.
  void poll(Completion& op, int fd, unsigned events) noexcept;
  /// Reads 8 bytes of an eventfd(2) into `value`, which must live until the completion.
  void read_event(Completion& op, int fd, std::uint64_t& value) noexcept;
  /// close(2), with what is submitted next at the latest; nothing may be in flight on the
  /// descriptor.
  void close(sys::Fd fd) noexcept;
  /// Asks for an early end of `op`, which still completes, with -ECANCELED or with what it had
  /// done. Nothing if it is not in flight.
  void cancel(Completion& op) noexcept;

  /// Submits what was asked for and waits for so many completions, for `timeout` at the most (for
  /// ever without one).
  void submit_and_wait(std::optional<base::Duration> timeout, unsigned count = 1) noexcept;

  /// Completions that wait for `dispatch()`.
  [[nodiscard]] unsigned ready() const noexcept { return io_uring_cq_ready(&ring_); }

  /// Calls `complete()` on what the `count` oldest completions name.
  void dispatch(unsigned count) noexcept;

  [[nodiscard]] io_uring& raw() noexcept { return ring_; }
  /// IORING_SETUP_* in force.
  [[nodiscard]] unsigned setup_flags() const noexcept { return ring_.flags; }

 private:
  explicit Ring(const io_uring& ring) noexcept : ring_(ring) {}
  struct QuietSend {
    Completion* op;
    std::int32_t size;
  };

  io_uring_sqe& next_entry(Completion* op) noexcept;
  [[nodiscard]] bool knows_quiet_sends() const noexcept;
  void complete_quiet_sends() noexcept;

  io_uring ring_;
  std::vector<QuietSend> quiet_;       ///< sent since the last dispatch
  std::vector<QuietSend> completing_;  ///< only inside `complete_quiet_sends()`, for its memory
  bool is_hurried_ = false;
  bool is_open_ = true;
};

}  // namespace sluice::uring
