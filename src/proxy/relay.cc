#include "proxy/relay.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "proxy/socket_errors.h"

namespace sluice::proxy {
namespace {

/// Up to this many completions in a turn, a chunk is sent without a completion of its own, which
/// would wake the loop once more. Above it sends have theirs: those that are ready at once end the
/// wait for more (measured, src/ARCHITECTURE.md section 2).
constexpr unsigned kQuietTurn = 4;

/// The most memory that an idle direction with an editor keeps. Bytes.
constexpr std::size_t kKeptPrefix = 2048;

}  // namespace

void RelayContext::end_turn() noexcept {
  while (!gathering.is_empty()) gathering.pop_front().resume();
  chunks.top_up();
  while (!starved.is_empty() && chunks.has_buffers()) {
    starved.pop_front().resume();
  }
}

Relay::Relay(RelayContext& context, RelayHost& host, Run& run, DirectionEnds ends) noexcept
    : Direction(host, run, ends, context.reactor.now()), context_(context) {}

Relay::~Relay() {
  SLUICE_ASSERT(queue_.is_empty());
  SLUICE_ASSERT(!pipe_.is_open());
}

void Relay::begin_with(ByteString prefix) noexcept {
  SLUICE_ASSERT(state_.held == 0);
  SLUICE_ASSERT(!prefix_);
  if (prefix.empty()) return;
  const auto count = static_cast<std::uint32_t>(prefix.size());
  note_arrival(count, context_.reactor.now());
  if (editor_ != nullptr) {
    edit(prefix);
  } else {
    state_.held = count;
    prefix_ = std::make_unique<Prefix>(Prefix{std::move(prefix), 0, {}});
  }
  if (state_.held > 0 && context_.reactor.ready_at_start() <= kQuietTurn) send_at_once();
}

/// What the editor makes of the bytes is held behind what it has made before.
void Relay::edit(std::span<const std::byte> bytes) noexcept {
  if (!prefix_) prefix_ = std::make_unique<Prefix>();
  ByteString& to = state_.is_sending ? prefix_->next : prefix_->bytes;
  const std::size_t before = to.size();
  editor_->edit(bytes, to);
  state_.held += static_cast<std::uint32_t>(to.size() - before);
  if (editor_->is_done()) editor_ = nullptr;
  if (state_.held == 0) prefix_.reset();
}

void Relay::edit_more() noexcept {
  if (editor_ == nullptr || state_.is_stopped || state_.sink_failed) return;
  edit({});
  advance();
}

void Relay::release() noexcept {
  context_.relays.destroy(*this);
}

void Relay::pass_end() noexcept {
  static_cast<void>(::shutdown(ends_.sink, SHUT_WR));
  state_.sink_shut = true;
  last_activity_ = context_.reactor.now();
}

void Relay::advance() noexcept {
  for (Step step = plan(state_); step != Step::kWait; step = plan(state_)) take(step);
  if (is_send_quiet_ && (state_.chunks > 1 || !state_.is_receiving || state_.is_cancelling)) {
    context_.reactor.ring().hurry();
  }
}

void Relay::take(Step step) noexcept {
  switch (step) {
    case Step::kReceive:
      return start_receive();
    case Step::kPause:
      state_.is_cancelling = true;
      return context_.reactor.ring().cancel(receive_);
    case Step::kSend:
      return submit_send();
    case Step::kSplice:
      return splice_turn();
    case Step::kChangeGear:
      return change_gear();
    case Step::kWait:
      return;
  }
}

void Relay::stop() noexcept {
  state_.is_stopped = true;
  state_.is_starved = state_.is_gathering = false;
  unlink();
  context_.reactor.ring().cancel(receive_);
  context_.reactor.ring().cancel(send_);
  // A send in flight reads from what is held until it completes; that is dropped then.
  if (!send_.is_in_flight()) drop_held();
  if (pipe_.is_open()) drop_pipe();
}

// --- Copy ---

void Relay::start_receive() noexcept {
  context_.reactor.ring().receive_multishot(receive_, ends_.source, uring::BufferRing::kGroup);
  state_.is_receiving = true;
}

void Relay::on_receive(uring::Outcome outcome) noexcept {
  if (!receive_.is_in_flight()) state_.is_receiving = state_.is_cancelling = false;
  if (outcome.has_buffer()) on_chunk(outcome);
  if (state_.is_stopped) return;
  if (!outcome.has_buffer()) on_receive_end(outcome.result);
  advance();
}

void Relay::on_chunk(uring::Outcome outcome) noexcept {
  const auto length = static_cast<std::uint32_t>(std::max(outcome.result, 0));
  context_.chunks.take(outcome.buffer(), length);
  if (length == 0 || state_.is_stopped || state_.sink_failed) {
    context_.chunks.release(outcome.buffer());
    if (outcome.result <= 0 && !state_.is_stopped) on_receive_end(outcome.result);
    return;
  }
  note_arrival(length, context_.reactor.now());
  const bool is_first = end_gathering() || (state_.held == 0 && !state_.is_sending);
  if (editor_ != nullptr) {
    edit(context_.chunks.bytes(outcome.buffer()));
    context_.chunks.release(outcome.buffer());
  } else {
    state_.held += length;
    consider_promotion();
    ++state_.chunks;
    context_.chunks.push(queue_, outcome.buffer());
    if (is_first && outcome.has_next() && state_.held < kHighWater) return gather();
  }
  if (is_first && state_.held > 0 && context_.reactor.ready_at_start() <= kQuietTurn) {
    send_at_once();
  }
}

void Relay::gather() noexcept {
  state_.is_gathering = true;
  context_.gathering.push_back(*this);
}

/// Returns whether it was.
bool Relay::end_gathering() noexcept {
  if (!std::exchange(state_.is_gathering, false)) return false;
  unlink();
  return true;
}

void Relay::on_receive_end(int result) noexcept {
  end_gathering();
  if (state_.gear == Gear::kSplice || result == -ECANCELED) return;  // readable now, or paused
  if (result == 0) return end_source();
  if (result == -ENOBUFS) {
    context_.chunks.on_shortage();
    context_.shortages.add(1);
    // With every buffer held by others a pipe still serves; else the ring only has to be refilled.
    if (context_.is_splice_allowed && editor_ == nullptr && !context_.chunks.has_buffers()) {
      state_.wanted = Gear::kSplice;
      return;
    }
    return starve();
  }
  if (is_retry(-result)) return;
  state_.source_failed = true;
}

void Relay::starve() noexcept {
  state_.is_starved = true;
  context_.starved.push_back(*this);
}

void Relay::end_source() noexcept {
  (is_source_broken_ ? state_.source_failed : state_.source_ended) = true;
}

void Relay::fail_sink(int error) noexcept {
  state_.sink_failed = true;
  state_.is_broken = !is_loss(error);
  state_.held = state_.chunks = 0;
  drop_held();
  if (pipe_.is_open()) drop_pipe();
}

void Relay::note_write() noexcept {
  if (ends_.is_sink_slow && std::exchange(has_written_, true)) hasten_sink();
}

/// It is likely to be all that comes for now, and there is nothing to do when it is sent: all that
/// the direction waits for then is its source.
bool Relay::can_send_quietly() const noexcept {
  return state_.is_receiving && !state_.is_cancelling && state_.wanted == Gear::kCopy &&
         state_.chunks <= 1 && next_bytes().size() < ChunkPool::kBufferBytes;
}

void Relay::send_at_once() noexcept {
  note_write();
  if (can_send_quietly()) {
    context_.reactor.ring().send_quietly(send_, ends_.sink, next_bytes());
    state_.is_sending = is_send_quiet_ = true;
    return;
  }
  if (send_chunks()) return;
  const auto bytes = next_bytes();
  const auto sent = ::send(ends_.sink, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0) {
    // Without memory the ring is the one to wait for it.
    if (!is_send_retry(errno)) fail_sink(errno);
    return;
  }
  note_sent(static_cast<std::uint32_t>(sent));
}

std::span<const std::byte> Relay::next_bytes() const noexcept {
  if (prefix_) return std::span(prefix_->bytes).subspan(prefix_->written);
  return context_.chunks.bytes(queue_.first);
}

bool Relay::send_chunks() noexcept {
  if (prefix_ || state_.chunks < 2) return false;
  std::array<iovec, kHighChunks> parts;
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = context_.chunks.list(queue_, parts);
  const auto sent = ::sendmsg(ends_.sink, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent <= 0) return false;  // the send of the first chunk alone tells why, or waits
  note_sent(static_cast<std::uint32_t>(sent));
  return true;
}

void Relay::note_sent(std::uint32_t count) noexcept {
  state_.held -= count;
  if (prefix_) return note_prefix_sent(count);
  while (count > 0) {
    const auto part = std::min(count, static_cast<std::uint32_t>(next_bytes().size()));
    context_.chunks.consume(queue_.first, part);
    if (next_bytes().empty()) drop_first_chunk();
    count -= part;
  }
}

void Relay::note_prefix_sent(std::uint32_t count) noexcept {
  prefix_->written += count;
  if (!next_bytes().empty()) return;
  // Memory of this size stays, as the editor is likely to fill it again.
  const bool stays = editor_ != nullptr && prefix_->bytes.capacity() <= kKeptPrefix;
  prefix_->bytes.clear();
  prefix_->written = 0;
  std::swap(prefix_->bytes, prefix_->next);
  if (!stays && prefix_->bytes.empty()) prefix_.reset();
}

void Relay::drop_first_chunk() noexcept {
  --state_.chunks;
  context_.chunks.pop(queue_);
}

void Relay::drop_held() noexcept {
  prefix_.reset();
  context_.chunks.clear(queue_);
}

void Relay::submit_send() noexcept {
  note_write();
  // After a part of it the socket is full, and the ring waits for room.
  if (send_chunks() && state_.held == 0) return;
  context_.reactor.ring().send(send_, ends_.sink, next_bytes());
  state_.is_sending = true;
}

void Relay::on_send(uring::Outcome outcome) noexcept {
  state_.is_sending = false;
  const bool was_quiet = std::exchange(is_send_quiet_, false);
  if (state_.is_stopped) return drop_held();
  if (state_.gear == Gear::kSplice) return advance();  // writable now
  if (outcome.result < 0 && !is_retry(-outcome.result)) {
    fail_sink(-outcome.result);
  } else if (outcome.result > 0) {
    if (!was_quiet) last_activity_ = context_.reactor.now();  // it may be long ago
    note_sent(static_cast<std::uint32_t>(outcome.result));
  }
  advance();
}

}  // namespace sluice::proxy
