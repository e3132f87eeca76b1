// The gears of a relay's direction: when to change them, and the splice gear itself.
#include <fcntl.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <utility>

#include "proxy/relay.h"
#include "proxy/socket_errors.h"

namespace sluice::proxy {
namespace {

/// A direction that was demoted before must show a longer run to be promoted again; the shift stops
/// here.
constexpr std::uint8_t kMaxBackoff = 6;

}  // namespace

void Relay::consider_promotion() noexcept {
  if (run_.bytes < (kPromoteAfter << demotions_) || !context_.is_splice_allowed) return;
  state_.wanted = Gear::kSplice;
}

void Relay::change_gear() noexcept {
  state_.gear = state_.wanted;
  small_moves_ = 0;
  if (state_.gear == Gear::kSplice) {
    has_spliced_ = true;
    hasten_sink();
    context_.promotions.add(1);
    return;
  }
  context_.demotions.add(1);
  demotions_ = std::min<std::uint8_t>(static_cast<std::uint8_t>(demotions_ + 1), kMaxBackoff);
  run_ = {};
}

void Relay::splice_turn() noexcept {
  if (!pipe_.is_open()) pipe_ = context_.pipes.borrow();
  if (!pipe_.is_open()) {
    state_.wanted = Gear::kCopy;
    // Without a buffer as well there is nothing to try before one comes free.
    if (!context_.chunks.has_buffers()) starve();
    return;
  }
  std::uint32_t moved = 0;
  Moved last = state_.held > 0 ? drain_pipe() : Moved::kSome;
  while (last == Moved::kSome && moved < kTurnBudget) {
    last = fill_pipe();
    moved += state_.held;
    if (state_.held > 0) last = drain_pipe();
  }
  if (state_.sink_failed) return;
  if (state_.held > 0) {
    context_.reactor.ring().poll(send_, ends_.sink, POLLOUT);
    state_.is_sending = true;
    return;
  }
  context_.pipes.give_back(std::exchange(pipe_, {}));
  if (last == Moved::kEnded) return;
  note_small_move(moved);
  if (state_.wanted != state_.gear) return;
  // After the budget the source is readable still: the wait completes at once, behind what others
  // have ready.
  context_.reactor.ring().poll(receive_, ends_.source, POLLIN | POLLRDHUP);
  state_.is_receiving = true;
}

Relay::Moved Relay::fill_pipe() noexcept {
  const auto got = ::splice(ends_.source, nullptr, pipe_.write_end(), nullptr, pipe_.capacity(),
                            SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
  if (got > 0) {
    const auto count = static_cast<std::uint32_t>(got);
    note_arrival(count, context_.reactor.now());
    state_.held += count;
    return Moved::kSome;
  }
  if (got < 0 && is_retry(errno)) return Moved::kBlocked;
  if (got == 0) {
    end_source();
  } else {
    state_.source_failed = true;
  }
  return Moved::kEnded;
}

Relay::Moved Relay::drain_pipe() noexcept {
  while (state_.held > 0) {
    const auto put = ::splice(pipe_.read_end(), nullptr, ends_.sink, nullptr, state_.held,
                              SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
    if (put < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) return Moved::kBlocked;
    }
    if (put <= 0) {
      fail_sink(put < 0 ? errno : EPIPE);
      return Moved::kEnded;
    }
    state_.held -= static_cast<std::uint32_t>(put);
    last_activity_ = context_.reactor.now();
  }
  return Moved::kSome;
}

void Relay::note_small_move(std::uint32_t moved) noexcept {
  small_moves_ = moved < kSmallMove ? static_cast<std::uint8_t>(small_moves_ + 1) : std::uint8_t{0};
  if (small_moves_ >= kDemoteAfter) state_.wanted = Gear::kCopy;
}

void Relay::drop_pipe() noexcept {
  state_.held = 0;
  context_.pipes.discard(std::exchange(pipe_, {}));
}

}  // namespace sluice::proxy
