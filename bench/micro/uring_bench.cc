// The ring by itself: what a submission with its completion costs in batches of different sizes,
// and a message through the shared receive buffers.
#include <benchmark/benchmark.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <vector>

#include "uring/buffer_ring.h"
#include "uring/ring.h"

namespace {

using sluice::uring::BufferRing;
using sluice::uring::Op;
using sluice::uring::Outcome;
using sluice::uring::Ring;

struct Waiter {
  void on_ready(Outcome) noexcept { ++*arrived; }
  void settle() noexcept {}

  std::uint64_t* arrived = nullptr;
  Op<&Waiter::on_ready> op{*this};
};

// Waits for a descriptor that is ready already, so the kernel's part is as small as it can be.
void submit_and_reap(benchmark::State& state) {
  auto ring = Ring::create();
  if (!ring) {
    state.SkipWithError(ring.error().text.c_str());
    return;
  }
  const int ready = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
  std::uint64_t arrived = 0;
  std::vector<std::unique_ptr<Waiter>> waiters;
  for (std::int64_t n = 0; n < state.range(0); ++n) {
    waiters.push_back(std::make_unique<Waiter>());
    waiters.back()->arrived = &arrived;
  }
  while (state.KeepRunning()) {
    const std::uint64_t wanted = arrived + waiters.size();
    for (const auto& waiter : waiters) ring->poll(waiter->op, ready, POLLIN);
    while (arrived < wanted) {
      ring->submit_and_wait(std::nullopt);
      ring->dispatch(ring->ready());
    }
  }
  close(ready);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

// Receives with a multishot operation and gives each buffer back at once.
struct Receiver {
  void on_bytes(Outcome outcome) noexcept {
    if (outcome.has_buffer()) buffers->recycle(outcome.buffer());
    if (outcome.result > 0) received += static_cast<std::uint64_t>(outcome.result);
  }
  void settle() noexcept {}

  BufferRing* buffers = nullptr;
  std::uint64_t received = 0;
  Op<&Receiver::on_bytes> op{*this};
};

void receive_message(benchmark::State& state) {
  auto ring = Ring::create();
  if (!ring) {
    state.SkipWithError(ring.error().text.c_str());
    return;
  }
  auto buffers = BufferRing::create(ring->raw(), {.count = 64, .length = 32 * 1024});
  std::array<int, 2> pair{};
  if (!buffers || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0) {
    state.SkipWithError("no buffers or no sockets");
    return;
  }
  for (std::uint32_t n = 0; n < buffers->count(); ++n) {
    buffers->recycle(static_cast<std::uint16_t>(n));
  }
  const std::vector<char> message(static_cast<std::size_t>(state.range(0)), 'x');
  Receiver receiver;
  receiver.buffers = &*buffers;
  ring->receive_multishot(receiver.op, pair[0], BufferRing::kGroup);
  while (state.KeepRunning()) {
    const std::uint64_t wanted = receiver.received + message.size();
    if (!receiver.op.is_in_flight() || write(pair[1], message.data(), message.size()) < 0) {
      state.SkipWithError("the receive has ended");
      break;
    }
    while (receiver.received < wanted && receiver.op.is_in_flight()) {
      ring->submit_and_wait(std::nullopt);
      ring->dispatch(ring->ready());
    }
  }
  close(pair[1]);  // the operation ends with the stream
  while (receiver.op.is_in_flight()) {
    ring->submit_and_wait(std::nullopt);
    ring->dispatch(ring->ready());
  }
  close(pair[0]);
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

BENCHMARK(submit_and_reap)->Arg(1)->Arg(8)->Arg(64)->Arg(512);
BENCHMARK(receive_message)->Arg(64)->Arg(8192)->Arg(32'768);

}  // namespace
