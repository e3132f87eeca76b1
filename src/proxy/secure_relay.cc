#include "proxy/secure_relay.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "proxy/socket_errors.h"

namespace sluice::proxy {

void SecureContext::end_turn() noexcept {
  // Each of them once: one that wants what is still short starves again.
  base::IntrusiveList<Direction> waiting;
  waiting.splice_back(starved);
  while (!waiting.is_empty() && buffers.has_small(BufferUse::kSend)) waiting.pop_front().resume();
  starved.splice_back(waiting);
}

SecureRelay::SecureRelay(SecureContext& context, RelayHost& host, Run& run, DirectionEnds ends,
                         Legs legs) noexcept
    : Direction(host, run, ends, context.relay.reactor.now()), context_(context), legs_(legs) {
  state_.must_tell_end = legs_.sink != nullptr;
  user_reason_ = UserReason::kShortSession;
  if (legs_.sink != nullptr) legs_.sink->writer = this;
  hasten_sink();
}

SecureRelay::~SecureRelay() {
  SLUICE_ASSERT(in_ == nullptr);
  SLUICE_ASSERT(out_ == nullptr);
  SLUICE_ASSERT(chunk_ == ChunkQueue::kNone);
  SLUICE_ASSERT(!pipe_.is_open());
  if (legs_.sink != nullptr) legs_.sink->writer = nullptr;
}

void SecureRelay::release() noexcept {
  context_.relays.destroy(*this);
}

void SecureRelay::begin_with(ByteString prefix) noexcept {
  if (prefix.empty()) return;
  prefix_ = std::make_unique<Prefix>(Prefix{std::move(prefix), 0});
}

void SecureRelay::advance() noexcept {
  // The other direction asks for it while it is asked itself: the outer call goes on until nothing
  // is left to do.
  if (is_advancing_) return;
  is_advancing_ = true;
  is_pipe_short_ = false;
  turn_left_ = kTurnBudget;
  while (step() == Go::kOn) {
  }
  is_advancing_ = false;
  give_back_empty();
  count_held();
}

SecureRelay::Go SecureRelay::step() noexcept {
  if (state_.is_stopped || state_.sink_failed || state_.is_sending || state_.is_broken) {
    return Go::kWait;
  }
  if (out_ != nullptr && out_->begin != out_->end) return flush();
  if (piped_ > 0) return drain_pipe();
  if (legs_.sink != nullptr && legs_.sink->has_output()) {
    return seals() ? seal_output() : send_output();
  }
  // A fatal alert was the last word to this side.
  const bool is_silent = legs_.sink != nullptr && legs_.sink->is_shut();
  if (is_silent && (loose_ || has_plaintext())) return Go::kWait;
  if (loose_) return pass_loose();
  if (has_plaintext() && editor_ != nullptr) return edit_plaintext();
  if (has_plaintext()) return seals() ? seal_plaintext() : flush();
  if (is_source_over()) return Go::kWait;
  if (has_ciphertext() && !needs_more_) return open();
  return state_.is_receiving || state_.is_starved ? Go::kWait : receive();
}

void SecureRelay::stop() noexcept {
  state_.is_stopped = true;
  state_.is_starved = false;
  unlink();
  rest_.disarm();
  context_.relay.reactor.ring().cancel(receive_);
  context_.relay.reactor.ring().cancel(send_);
  drop_held();
}

// --- Sending ---

std::int64_t SecureRelay::send_some() noexcept {
  context_.calls.add(1);
  if (seals()) {
    const auto bytes = out_->filled();
    return ::send(ends_.sink, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  std::array<iovec, tls::PieceList::kCapacity> parts;
  const tls::PieceList& pieces = in_->pieces;
  std::size_t count = 0;
  for (std::uint32_t i = pieces.first; i < pieces.count; ++i) {
    const auto bytes = in_->all().subspan(pieces.pieces[i].offset, pieces.pieces[i].length);
    parts[count++] = {bytes.data(), bytes.size()};
  }
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = count;
  return ::sendmsg(ends_.sink, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

SecureRelay::Go SecureRelay::flush() noexcept {
  const std::int64_t sent = send_some();
  if (sent >= 0) {
    note_sent(static_cast<std::uint32_t>(sent));
    return Go::kOn;
  }
  return on_send_failed(errno);
}

SecureRelay::Go SecureRelay::on_send_failed(int error) noexcept {
  if (error == EINTR) return Go::kOn;
  if (is_send_retry(error)) return wait_for_sink();
  fail_sink(error);
  return Go::kWait;
}

SecureRelay::Go SecureRelay::wait_for_sink() noexcept {
  context_.relay.reactor.ring().poll(send_, ends_.sink, POLLOUT);
  state_.is_sending = true;
  return Go::kWait;
}

void SecureRelay::note_sent(std::uint32_t count) noexcept {
  last_activity_ = context_.relay.reactor.now();
  if (!seals()) {
    if (legs_.sink != nullptr) legs_.sink->note_sent(count);
    return use_pieces(count);
  }
  out_->begin += count;
  if (out_->begin == out_->end) out_->clear();
}

/// The first `count` bytes of plaintext are done with.
void SecureRelay::use_pieces(std::uint32_t count) noexcept {
  tls::PieceList& pieces = in_->pieces;
  while (count > 0) {
    tls::Piece& piece = pieces.pieces[pieces.first];
    const std::uint32_t part = std::min(count, piece.length);
    piece.offset += part;
    piece.length -= part;
    count -= part;
    if (piece.length == 0) ++pieces.first;
  }
  if (pieces.is_empty()) pieces.clear();
}

void SecureRelay::on_send(uring::Outcome outcome) noexcept {
  state_.is_sending = false;
  if (state_.is_stopped) return;
  if (outcome.result < 0 && !is_retry(-outcome.result)) {
    fail_sink(-outcome.result);
    return count_held();
  }
  advance();
}

// --- Sealing ---

bool SecureRelay::get_out() noexcept {
  if (out_ != nullptr) return true;
  const bool is_large = in_ != nullptr && in_->size() == BufferSize::kLarge;
  if (is_large) out_ = context_.buffers.borrow(BufferSize::kLarge, BufferUse::kSend);
  if (out_ == nullptr) out_ = context_.buffers.borrow(BufferSize::kSmall, BufferUse::kSend);
  return out_ != nullptr;
}

SecureRelay::Go SecureRelay::seal_output() noexcept {
  if (!get_out()) return starve();
  if (!legs_.sink->seal_output(context_.aead, *out_)) break_off();
  return Go::kOn;
}

SecureRelay::Go SecureRelay::seal_plaintext() noexcept {
  if (!get_out()) return starve();
  while (has_plaintext()) {
    const tls::Piece piece = in_->pieces.pieces[in_->pieces.first];
    const auto done =
        legs_.sink->seal(context_.aead, in_->all().subspan(piece.offset, piece.length), *out_);
    if (done < 0) {
      break_off();
      return Go::kWait;
    }
    use_pieces(static_cast<std::uint32_t>(done));
    if (done < piece.length) break;
  }
  return Go::kOn;
}

void SecureRelay::pass_end() noexcept {
  const bool is_cut = legs_.source != nullptr && legs_.source->is_truncated();
  if (legs_.sink != nullptr && !seals()) {
    if (!tell_end_in_kernel(is_cut)) return;  // the session asks again
  } else if (legs_.sink != nullptr && !legs_.sink->is_shut() && !is_cut && !state_.sink_failed) {
    if (!get_out()) return static_cast<void>(starve());
    if (!legs_.sink->seal_end(context_.aead, *out_)) return break_off();
    advance();
    if (state_.is_sending) return;  // the session asks again
  }
  static_cast<void>(::shutdown(ends_.sink, SHUT_WR));
  state_.sink_shut = true;
  last_activity_ = context_.relay.reactor.now();
}

// --- Opening ---

SecureRelay::Go SecureRelay::open() noexcept {
  if (!opens()) {
    in_->pieces.clear();
    in_->pieces.pieces[in_->pieces.count++] = {in_->begin, in_->end - in_->begin};
    in_->begin = in_->end;
    return Go::kOn;
  }
  const std::uint32_t updates = legs_.source->key_updates();
  const auto result = legs_.source->open(context_.aead, *in_, context_.relay.reactor.now());
  context_.key_updates.add(legs_.source->key_updates() - updates);
  if (result.plaintext > 0) note_copied(result.plaintext);
  needs_more_ = result.what == SecureLeg::Opened::kNeedsMore;
  if (result.what == SecureLeg::Opened::kEnded) state_.source_ended = true;
  if (result.what == SecureLeg::Opened::kFailed) {
    refuse_source();
  } else if (legs_.source->has_answer() && legs_.source->writer != nullptr) {
    legs_.source->writer->advance();
  }
  if (is_source_over()) in_->begin = in_->end;
  return Go::kOn;
}

/// The source has said something that ends the connection, and may be owed an alert.
void SecureRelay::refuse_source() noexcept {
  fail_source();
  state_.is_given_up = legs_.source->is_stranded();
  if (!legs_.source->has_answer() || legs_.source->writer == nullptr) return;
  context_.refusals.add(1);
  legs_.source->writer->advance();
}

void SecureRelay::note_copied(std::uint32_t count) noexcept {
  note_arrival(count, context_.relay.reactor.now());
  context_.copied_bytes.add(count);
  is_promised_ = false;
}

// --- Receiving ---

SecureRelay::Go SecureRelay::receive() noexcept {
  if (prefix_) return take_prefix();
  if (chunk_ != ChunkQueue::kNone) return take_chunk();
  consider_kernel();
  if (is_readable_ && turn_left_ == 0 && (must_read_ || has_looked_on_)) return pause();
  if (!is_readable_ || turn_left_ == 0) return wait_for_source();
  const bool is_spliced = !must_read_ && can_splice();
  state_.gear = is_spliced ? Gear::kSplice : Gear::kCopy;
  if (is_spliced) return fill_pipe();
  return legs_.source != nullptr && !opens() ? read_from_kernel() : receive_now();
}

/// A buffer with room for more than is in it.
bool SecureRelay::get_room() noexcept {
  if (in_ == nullptr || in_->size() == BufferSize::kSmall) {
    const bool wants_large = is_bulk() || is_readable_ || prefix_;
    RecordBuffer* larger =
        wants_large ? context_.buffers.borrow(BufferSize::kLarge, BufferUse::kReceive) : nullptr;
    if (larger == nullptr && in_ == nullptr) {
      larger = context_.buffers.borrow(BufferSize::kSmall, BufferUse::kReceive);
    }
    if (larger != nullptr) move_in(larger);
  }
  if (in_ != nullptr && in_->begin > 0) {
    const auto rest = in_->filled();
    std::memmove(in_->all().data(), rest.data(), rest.size());
    in_->begin = 0;
    in_->end = static_cast<std::uint32_t>(rest.size());
  }
  return in_ != nullptr;
}

void SecureRelay::move_in(RecordBuffer* to) noexcept {
  if (in_ != nullptr) {
    const auto rest = in_->filled();
    std::copy(rest.begin(), rest.end(), to->all().begin());
    to->end = static_cast<std::uint32_t>(rest.size());
    context_.buffers.give_back(in_);
  }
  in_ = to;
}

std::uint32_t SecureRelay::receive_limit() const noexcept {
  // What has begun to move into the kernel reads no byte beyond the record.
  if (is_moving_) return static_cast<std::uint32_t>(tls::RecordOpener::missing(in_->filled()));
  const std::uint32_t whole = opens() ? in_->capacity() : in_->plaintext_capacity();
  return whole - in_->end;
}

SecureRelay::Go SecureRelay::take_in(std::span<const std::byte> bytes, std::size_t& used) noexcept {
  used = 0;
  if (!get_room()) return starve();
  used = std::min<std::size_t>(bytes.size(), receive_limit());
  std::copy_n(bytes.begin(), used, in_->room().begin());
  in_->end += static_cast<std::uint32_t>(used);
  needs_more_ = false;
  if (!opens()) note_copied(static_cast<std::uint32_t>(used));
  return Go::kOn;
}

SecureRelay::Go SecureRelay::take_prefix() noexcept {
  std::size_t used = 0;
  const Go go = take_in(std::span(prefix_->bytes).subspan(prefix_->used), used);
  prefix_->used += used;
  if (prefix_->used == prefix_->bytes.size()) prefix_.reset();
  return go;
}

SecureRelay::Go SecureRelay::take_chunk() noexcept {
  std::size_t used = 0;
  ChunkPool& chunks = context_.relay.chunks;
  const Go go = take_in(chunks.bytes(chunk_), used);
  chunks.consume(chunk_, static_cast<std::uint32_t>(used));
  if (chunks.bytes(chunk_).empty()) {
    chunks.release(std::exchange(chunk_, ChunkQueue::kNone));
  }
  return go;
}

SecureRelay::Go SecureRelay::receive_now() noexcept {
  if (!get_room()) return starve();
  const std::uint32_t limit = std::min(receive_limit(), turn_left_);
  context_.calls.add(1);
  const auto got = ::recv(ends_.source, in_->room().data(), limit, MSG_DONTWAIT);
  is_readable_ = got == static_cast<std::int64_t>(limit);
  if (got > 0) {
    const auto count = static_cast<std::uint32_t>(got);
    in_->end += count;
    turn_left_ -= count;
    needs_more_ = false;
    if (!opens()) note_copied(count);
    return Go::kOn;
  }
  if (got == 0) {
    end_source();
  } else {
    on_receive_failed(errno);
  }
  return Go::kOn;
}

SecureRelay::Go SecureRelay::wait_for_source() noexcept {
  uring::Ring& ring = context_.relay.reactor.ring();
  park();
  is_readable_ = false;
  if (std::exchange(must_rest_, false)) return rest();
  const bool is_kernels = legs_.source != nullptr && !opens();  // a bare receive may fail
  is_polling_ = is_polling_ || in_ != nullptr || is_bulk() || turn_left_ == 0 || is_kernels;
  if (is_polling_) {
    ring.poll(receive_, ends_.source, POLLIN | POLLRDHUP);
  } else {
    ring.receive_buffered(receive_, ends_.source, uring::BufferRing::kGroup,
                          ChunkPool::kBufferBytes);
  }
  state_.is_receiving = true;
  return Go::kWait;
}

/// Before a wait: an empty buffer goes back, and where large ones are scarce the beginning of a
/// record moves to a small one.
void SecureRelay::park() noexcept {
  if (in_ == nullptr) return;
  if (in_->is_empty()) {
    context_.buffers.give_back(std::exchange(in_, nullptr));
    return;
  }
  const bool fits = in_->filled().size() <= RecordBuffer::kSmallBytes;
  if (in_->size() == BufferSize::kSmall || !fits || !context_.buffers.is_scarce()) return;
  RecordBuffer* small = context_.buffers.borrow(BufferSize::kSmall, BufferUse::kReceive);
  if (small != nullptr) move_in(small);
}

void SecureRelay::on_receive(uring::Outcome outcome) noexcept {
  state_.is_receiving = false;
  const bool was_polling = std::exchange(is_polling_, false);
  if (outcome.has_buffer()) {
    ChunkPool& chunks = context_.relay.chunks;
    const auto length = static_cast<std::uint32_t>(std::max(outcome.result, 0));
    chunks.take(outcome.buffer(), length);
    chunk_ = outcome.buffer();
    if (length == 0 || state_.is_stopped || state_.sink_failed) {
      chunks.release(std::exchange(chunk_, ChunkQueue::kNone));
    }
    is_readable_ = length == ChunkPool::kBufferBytes;
  }
  if (state_.is_stopped) return;
  if (outcome.result < 0) {
    on_receive_failed(-outcome.result);
  } else if (was_polling) {
    is_readable_ = is_promised_ = true;
  } else if (outcome.result == 0) {
    end_source();
  }
  advance();
}

void SecureRelay::on_receive_failed(int error) noexcept {
  if (is_retry(error) || error == ECANCELED) return;
  if (error == ENOBUFS) {
    // The shared buffers will do for others; this one is served by one of its own.
    context_.relay.chunks.on_shortage();
    context_.relay.shortages.add(1);
    is_polling_ = true;
    return;
  }
  fail_source();
}

// --- Ends ---

void SecureRelay::end_source() noexcept {
  if (is_source_broken_) return fail_source();
  state_.source_ended = true;
  is_moving_ = false;
  if (legs_.source == nullptr) return;
  legs_.source->mark_truncated();
  context_.truncations.add(1);
  if (in_ != nullptr) in_->begin = in_->end;
}

void SecureRelay::fail_source() noexcept {
  state_.source_failed = true;
  is_moving_ = false;
  if (in_ != nullptr) in_->begin = in_->end;
}

void SecureRelay::fail_sink(int error) noexcept {
  state_.sink_failed = true;
  state_.is_broken = !is_loss(error);
  drop_held();
}

/// OpenSSL could not: nobody expects that.
void SecureRelay::break_off() noexcept {
  state_.is_broken = true;
}

// --- Buffers ---

SecureRelay::Go SecureRelay::starve() noexcept {
  state_.is_starved = true;
  if (!is_linked()) context_.starved.push_back(*this);
  return Go::kWait;
}

void SecureRelay::drop_held() noexcept {
  if (in_ != nullptr) context_.buffers.give_back(std::exchange(in_, nullptr));
  if (out_ != nullptr) context_.buffers.give_back(std::exchange(out_, nullptr));
  if (chunk_ != ChunkQueue::kNone) {
    context_.relay.chunks.release(std::exchange(chunk_, ChunkQueue::kNone));
  }
  prefix_.reset();
  loose_.reset();
  state_.held = 0;
  if (std::exchange(piped_, 0) > 0) context_.relay.pipes.discard(std::exchange(pipe_, {}));
  give_pipe_back();
}

void SecureRelay::give_back_empty() noexcept {
  if (in_ != nullptr && in_->is_empty()) {
    context_.buffers.give_back(std::exchange(in_, nullptr));
  }
  if (out_ != nullptr && out_->begin == out_->end) {
    context_.buffers.give_back(std::exchange(out_, nullptr));
  }
  if (piped_ == 0) give_pipe_back();
}

void SecureRelay::count_held() noexcept {
  state_.held = piped_ + (out_ == nullptr ? 0 : out_->end - out_->begin);
  if (loose_) state_.held += static_cast<std::uint32_t>(loose_->bytes.size() - loose_->used);
  if (in_ == nullptr) return;
  const tls::PieceList& pieces = in_->pieces;
  for (std::uint32_t i = pieces.first; i < pieces.count; ++i)
    state_.held += pieces.pieces[i].length;
}

}  // namespace sluice::proxy
