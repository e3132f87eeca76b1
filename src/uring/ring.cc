#include "uring/ring.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "uring/refusal.h"

namespace sluice::uring {
namespace {

constexpr unsigned kCommon = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;

// From the best to what every supported kernel takes; a kernel that does not know a flag answers
// EINVAL.
constexpr std::array<unsigned, 3> kSetups = {
    kCommon | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
    kCommon | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
    kCommon,
};

#if defined(__SANITIZE_THREAD__)
constexpr bool kIsThreadSanitized = true;
#elif defined(__has_feature)
constexpr bool kIsThreadSanitized = __has_feature(thread_sanitizer);
#else
constexpr bool kIsThreadSanitized = false;
#endif

/// In user_data, in the lowest bit of a Completion's address: of a quiet send.
constexpr std::uint64_t kQuietTag = 1;
static_assert(alignof(Completion) > kQuietTag);

Completion* completion_of(const io_uring_cqe& entry) noexcept {
  return reinterpret_cast<Completion*>(entry.user_data & ~kQuietTag);
}

/// Its completion interests nobody: skipped when it succeeds, recognised by its empty user_data
/// when not.
void finish_unanswered(io_uring_sqe& entry) noexcept {
  entry.flags |= IOSQE_CQE_SKIP_SUCCESS;
  io_uring_sqe_set_data(&entry, nullptr);
}

}  // namespace

Result<Ring> Ring::create(unsigned entries) {
  int error = 0;
  for (const unsigned flags : kSetups) {
    io_uring_params params{};
    params.flags = flags;
    params.cq_entries = entries * 4;
    io_uring ring{};
    error = io_uring_queue_init_params(entries, &ring, &params);
    if (error == 0) return Ring(ring);
    if (error != -EINVAL) break;
  }
  return fail(explain_refusal(-error));
}

Ring::Ring(Ring&& other) noexcept
    : ring_(other.ring_),
      quiet_(std::move(other.quiet_)),
      is_open_(std::exchange(other.is_open_, false)) {}

Ring::~Ring() {
  if (is_open_) io_uring_queue_exit(&ring_);
}

io_uring_sqe& Ring::next_entry(Completion* op) noexcept {
  io_uring_sqe* entry = io_uring_get_sqe(&ring_);
  while (entry == nullptr) {
    // EBUSY and EAGAIN mean that the kernel wants completions reaped or memory back: both pass,
    // since it keeps overflown completions (IORING_FEAT_NODROP) and takes the entries on the next
    // try.
    io_uring_submit(&ring_);
    entry = io_uring_get_sqe(&ring_);
  }
  if (op != nullptr) {
    SLUICE_ASSERT(!op->in_flight_);
    op->in_flight_ = true;
  }
  return *entry;
}

void Ring::accept(Completion& op, int fd) noexcept {
  io_uring_sqe& entry = next_entry(&op);
  io_uring_prep_accept(&entry, fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  io_uring_sqe_set_data(&entry, &op);
}

void Ring::accept_multishot(Completion& op, int fd) noexcept {
  io_uring_sqe& entry = next_entry(&op);
  io_uring_prep_multishot_accept(&entry, fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  io_uring_sqe_set_data(&entry, &op);
}

void Ring::connect(Completion& op, int fd, const sockaddr* address, socklen_t size) noexcept {
  io_uring_sqe& entry = next_entry(&op);
  io_uring_prep_connect(&entry, fd, address, size);
  io_uring_sqe_set_data(&entry, &op);
}

void Ring::receive_multishot(Completion& op, int fd, std::uint16_t buffer_group) noexcept {
  io_uring_sqe& entry = next_entry(&op);
  io_uring_prep_recv_multishot(&entry, fd, nullptr, 0, 0);
  entry.flags |= IOSQE_BUFFER_SELECT;
  entry.buf_group = buffer_group;
  io_uring_sqe_set_data(&entry, &op);
}

void Ring::receive(Completion& op, int fd, std::span<std::byte> into) noexcept {
  io_uring_sqe& entry = next_entry(&op);
  io_uring_prep_recv(&entry, fd, into.data(), into.size(), 0);
  io_uring_sqe_set_data(&entry, &op);
}

void Ring::receive_buffered(Completion& op, int fd, std::uint16_t buffer_group,
                            std::uint32_t limit) noexcept {
  io_uring_sqe& entry = next_entry(&op);
  io_uring_prep_recv(&entry, fd, nullptr, limit, 0);
  entry.flags |= IOSQE_BUFFER_SELECT;
  entry.ioprio |= IORING_RECVSEND_POLL_FIRST;
  entry.buf_group = buffer_group;
  io_uring_sqe_set_data(&entry, &op);
}

void Ring::receive_messages(Completion& op, int fd, msghdr& shape,
                            std::uint16_t buffer_group) noexcept {
  io_uring_sqe& entry = next_entry(&op);
  // MSG_TRUNC in `flags` of what arrives tells of a datagram that did not fit.
  io_uring_prep_recvmsg_multishot(&entry, fd, &shape, 0);
  entry.flags |= IOSQE_BUFFER_SELECT;
  entry.buf_group = buffer_group;
  io_uring_sqe_set_data(&entry, &op);
}

void Ring::send(Completion& op, int fd, std::span<const std::byte> bytes) noexcept {
  io_uring_sqe& entry = next_entry(&op);
  io_uring_prep_send(&entry, fd, bytes.data(), bytes.size(), MSG_WAITALL | MSG_NOSIGNAL);
  io_uring_sqe_set_data(&entry, &op);
}

void Ring::send_quietly(Completion& op, int fd, std::span<const std::byte> bytes) noexcept {
  io_uring_sqe& entry = next_entry(&op);
  io_uring_prep_send(&entry, fd, bytes.data(), bytes.size(),
                     MSG_DONTWAIT | MSG_WAITALL | MSG_NOSIGNAL);
  entry.flags |= IOSQE_CQE_SKIP_SUCCESS;
  io_uring_sqe_set_data64(&entry, reinterpret_cast<std::uintptr_t>(&op) | kQuietTag);
  quiet_.push_back({&op, static_cast<std::int32_t>(bytes.size())});
}

void Ring::poll(Completion& op, int fd, unsigned events) noexcept {
  io_uring_sqe& entry = next_entry(&op);
  io_uring_prep_poll_add(&entry, fd, events);
  io_uring_sqe_set_data(&entry, &op);
}

void Ring::read_event(Completion& op, int fd, std::uint64_t& value) noexcept {
  io_uring_sqe& entry = next_entry(&op);
  io_uring_prep_read(&entry, fd, &value, sizeof value, 0);
  io_uring_sqe_set_data(&entry, &op);
}

void Ring::cancel(Completion& op) noexcept {
  if (!op.in_flight_) return;
  hurry();  // a quiet send is over by then
  io_uring_sqe& entry = next_entry(nullptr);
  io_uring_prep_cancel(&entry, &op, 0);
  finish_unanswered(entry);
}

void Ring::close(sys::Fd fd) noexcept {
  // The thread sanitizer keeps what it knows of a descriptor until it sees close(2), and would take
  // the next one of that number for the same.
  if (!fd.is_open() || kIsThreadSanitized) return;
  io_uring_sqe& entry = next_entry(nullptr);
  io_uring_prep_close(&entry, fd.release());
  finish_unanswered(entry);
}

void Ring::submit_and_wait(std::optional<base::Duration> timeout, unsigned count) noexcept {
  io_uring_cqe* first = nullptr;
  if (std::exchange(is_hurried_, false)) {
    static_cast<void>(io_uring_submit_and_get_events(&ring_));
    return;
  }
  if (!timeout) {
    static_cast<void>(io_uring_submit_and_wait(&ring_, count));
    return;
  }
  using std::chrono::seconds;
  const auto whole = std::chrono::duration_cast<seconds>(*timeout);
  __kernel_timespec limit{whole.count(), (*timeout - whole).count()};
  // ETIME, EINTR and EBUSY all mean the same to the caller: look at what is ready, then come again.
  static_cast<void>(io_uring_submit_and_wait_timeout(&ring_, &first, count, &limit, nullptr));
}

/// All were taken by the kernel, and no completion lies where it cannot be seen.
bool Ring::knows_quiet_sends() const noexcept {
  return io_uring_sq_ready(&ring_) == 0 && !io_uring_cq_has_overflow(&ring_);
}

void Ring::complete_quiet_sends() noexcept {
  if (!knows_quiet_sends()) return hurry();
  completing_.swap(quiet_);
  unsigned head = 0;
  io_uring_cqe* entry = nullptr;
  io_uring_for_each_cqe(&ring_, head, entry) {
    if ((entry->user_data & kQuietTag) == 0) continue;
    std::erase_if(completing_,
                  [entry](const QuietSend& send) { return send.op == completion_of(*entry); });
  }
  for (const QuietSend& send : completing_) send.op->complete({send.size, 0});
  completing_.clear();
}

void Ring::dispatch(unsigned count) noexcept {
  if (!quiet_.empty()) complete_quiet_sends();
  // Given back in small batches, so that the queue has room for what handlers cause.
  constexpr unsigned kBatch = 64;
  std::array<io_uring_cqe*, kBatch> entries;
  while (count > 0) {
    const unsigned got = io_uring_peek_batch_cqe(&ring_, entries.data(), std::min(count, kBatch));
    if (got == 0) return;
    for (unsigned index = 0; index < got; ++index) {
      const io_uring_cqe& entry = *entries[index];
      Completion* const op = completion_of(entry);
      if (op != nullptr) op->complete({entry.res, entry.flags});
    }
    io_uring_cq_advance(&ring_, got);
    count -= got;
  }
}

}  // namespace sluice::uring
