// The kernel gear of a direction with TLS: moving into it, splicing, and what is said beside data.
#include <fcntl.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "proxy/secure_relay.h"
#include "proxy/socket_errors.h"

namespace sluice::proxy {
namespace {

constexpr std::uint32_t kSlotBytes = 4096;

/// Slots of a pipe that one record may take: MAX_SKB_FRAGS and one for the head. Kernels before
/// 7e7be31bfdb0 (2026) lose what finds none, so that many are free before each splice(2) out of
/// the kernel's TLS layer; an empty pipe of 16 slots is enough for what it decrypts itself.
constexpr std::uint32_t kRecordSlots = 18;
constexpr std::size_t kFewestSlots = 16;

/// A look that brought no byte costs the turn's budget this much.
constexpr std::uint32_t kLookCost = 4096;

/// How long a direction that has seen part of a record looks away: doubled so often.
constexpr base::milliseconds kRest{1};
constexpr std::uint8_t kMostRests = 4;

bool is_writable(int fd) noexcept {
  pollfd ready{fd, POLLOUT, 0};
  return ::poll(&ready, 1, 0) > 0;
}

}  // namespace

// --- Moving ---

GearFacts SecureRelay::facts() const noexcept {
  const tls::KtlsPolicy& ktls = context_.ktls;
  GearFacts facts;
  facts.use = ktls.use;
  facts.has_module = ktls.ability.has_module;
  const auto is_known = [&](const SecureLeg* leg, tls::Half half) {
    if (leg == nullptr) return true;
    const tls::RecordKeys& keys = leg->keys().receive;
    return ktls.ability.has(keys.version, keys.cipher, half);
  };
  facts.has_ciphers =
      is_known(legs_.source, tls::Half::kReceive) && is_known(legs_.sink, tls::Half::kTransmit);
  facts.is_fragmented = legs_.sink != nullptr && legs_.sink->is_fragmented();
  facts.is_edited = editor_ != nullptr;
  facts.is_bulk = has_run(kKernelAfter);
  return facts;
}

/// Nothing is held but, perhaps, part of a record.
void SecureRelay::consider_kernel() noexcept {
  is_moving_ = false;
  if (user_reason_ == UserReason::kNone || is_refused_) return;
  user_reason_ = choose_gear(facts());
  if (user_reason_ != UserReason::kNone) return;
  if (opens() && has_ciphertext()) {
    is_moving_ = true;
    user_reason_ = UserReason::kShortSession;
    return;
  }
  const bool is_source_moved =
      !opens() || move_to_kernel(*legs_.source, ends_.source, tls::Half::kReceive);
  const bool is_moved = is_source_moved &&
                        (!seals() || move_to_kernel(*legs_.sink, ends_.sink, tls::Half::kTransmit));
  if (is_moved) context_.relay.promotions.add(1);
}

bool SecureRelay::move_to_kernel(SecureLeg& leg, int fd, tls::Half half) noexcept {
  const auto rekey =
      context_.ktls.ability.can_rekey ? SecureLeg::Rekey::kPossible : SecureLeg::Rekey::kImpossible;
  context_.calls.add(2);
  const int error = leg.move_to_kernel(fd, half, rekey);
  if (error == 0) return true;
  is_refused_ = true;
  user_reason_ = classify_refusal(error);
  return false;
}

// --- Splicing ---

bool SecureRelay::can_splice() noexcept {
  const bool is_wanted = user_reason_ == UserReason::kNone && editor_ == nullptr && is_bulk() &&
                         context_.relay.is_splice_allowed && !is_pipe_short_;
  if (!is_wanted) return false;
  if (!pipe_.is_open()) pipe_ = context_.relay.pipes.borrow();
  is_pipe_short_ = !pipe_.is_open() || pipe_.capacity() < kFewestSlots * kSlotBytes;
  return !is_pipe_short_;
}

/// Whether another record finds room for certain.
bool SecureRelay::is_pipe_fit() const noexcept {
  return piped_ == 0 || used_slots_ + kRecordSlots <= pipe_.capacity() / kSlotBytes;
}

SecureRelay::Go SecureRelay::fill_pipe() noexcept {
  has_spliced_ = true;
  const bool is_by_record = legs_.source != nullptr;
  used_slots_ = 0;
  do {
    context_.calls.add(1);
    const auto got = ::splice(ends_.source, nullptr, pipe_.write_end(), nullptr, pipe_.capacity(),
                              SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
    if (got <= 0) return on_nothing_spliced(got, errno);
    const auto count = static_cast<std::uint32_t>(got);
    note_arrival(count, context_.relay.reactor.now());
    has_looked_on_ = false;
    context_.spliced_bytes.add(count);
    is_promised_ = false;
    piped_ += count;
    used_slots_ += kRecordSlots;
    turn_left_ -= std::min(turn_left_, count);
  } while (is_by_record && turn_left_ > 0 && is_pipe_fit());
  return Go::kOn;
}

/// From the kernel's TLS layer, nothing may be a record without content, EINVAL one that is no
/// data, and EKEYEXPIRED what lies behind part of a KeyUpdate: only reading tells these from the
/// stream's end and from bad bytes.
SecureRelay::Go SecureRelay::on_nothing_spliced(std::int64_t got, int error) noexcept {
  turn_left_ -= std::min(turn_left_, kLookCost);
  if (got < 0 && is_retry(error)) {
    on_dry();
  } else if (legs_.source == nullptr) {
    if (got == 0) {
      end_source();
    } else {
      fail_source();
    }
  } else if (got == 0 || error == EINVAL || error == EKEYEXPIRED) {
    must_read_ = true;
    is_record_due_ = got < 0;
    if (got == 0 && !legs_.source->allow_empty_record()) refuse_source();
  } else {
    lose_source(error);
  }
  return Go::kOn;
}

/// The kernel has given the socket up when a record is bad: no alert can be sent.
void SecureRelay::lose_source(int error) noexcept {
  context_.refusals.add(is_loss(error) && error != EBADMSG ? 0 : 1);
  fail_source();
}

SecureRelay::Go SecureRelay::drain_pipe() noexcept {
  context_.calls.add(1);
  const auto put = ::splice(pipe_.read_end(), nullptr, ends_.sink, nullptr, piped_,
                            SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
  if (put > 0) {
    const auto count = static_cast<std::uint32_t>(put);
    piped_ -= count;
    last_activity_ = context_.relay.reactor.now();
    if (legs_.sink != nullptr) legs_.sink->note_sent(count);
    return Go::kOn;
  }
  return on_send_failed(put < 0 ? errno : EPIPE);
}

void SecureRelay::give_pipe_back() noexcept {
  if (pipe_.is_open()) context_.relay.pipes.give_back(std::exchange(pipe_, {}));
}

// --- Waiting ---

void SecureRelay::on_dry() noexcept {
  is_readable_ = false;
  // Kernels whose poll(2) tells of the first byte of a record, not of a whole one (6.1 does), would
  // have us look again at once, and again, until the rest of the record has come.
  must_rest_ = std::exchange(is_promised_, false) && legs_.source != nullptr;
  if (!must_rest_) rests_ = 0;
}

/// The turn is over. poll(2) does not tell of a KeyUpdate that the kernel has opened already, so
/// the source is looked at again when the others have had their turns.
SecureRelay::Go SecureRelay::pause() noexcept {
  reactor::Reactor& reactor = context_.relay.reactor;
  reactor.timers().arm(rest_, reactor.now());
  rests_ = 0;
  state_.is_receiving = true;
  return Go::kWait;
}

SecureRelay::Go SecureRelay::rest() noexcept {
  reactor::Reactor& reactor = context_.relay.reactor;
  reactor.timers().arm(rest_, reactor.now() + kRest * (1 << rests_));
  if (rests_ < kMostRests) ++rests_;
  state_.is_receiving = true;
  return Go::kWait;
}

void SecureRelay::on_rested() noexcept {
  state_.is_receiving = false;
  is_readable_ = true;
  is_promised_ = rests_ > 0;
  advance();
}

// --- Reading and saying what is no data ---

SecureRelay::Go SecureRelay::read_from_kernel() noexcept {
  if (!get_room()) return starve();
  must_read_ = false;
  context_.calls.add(1);
  const std::uint32_t updates = legs_.source->key_updates();
  const std::uint32_t limit = receive_limit();
  const auto result =
      legs_.source->read(context_.aead, in_->room().first(limit), context_.relay.reactor.now());
  has_looked_on_ = result.what == SecureLeg::Read::kData && result.plaintext < limit;
  context_.key_updates.add(legs_.source->key_updates() - updates);
  turn_left_ -= std::min(turn_left_, std::max(result.plaintext, kLookCost));
  return take_read(result);
}

SecureRelay::Go SecureRelay::take_read(const SecureLeg::ReadResult& result) noexcept {
  const bool is_record_due = std::exchange(is_record_due_, false);
  switch (result.what) {
    case SecureLeg::Read::kData:
      in_->end += result.plaintext;
      needs_more_ = false;
      if (result.plaintext > 0) note_copied(result.plaintext);
      break;
    case SecureLeg::Read::kAgain:
      if (legs_.source->has_answer() && legs_.source->writer != nullptr) {
        legs_.source->writer->advance();
      }
      break;
    case SecureLeg::Read::kDry:
      // EINVAL, and then no record: its header was none, which the kernel says once. It reads no
      // further and stays silent.
      if (is_record_due) {
        lose_source(EBADMSG);
      } else {
        on_dry();
      }
      break;
    case SecureLeg::Read::kEnded:
      state_.source_ended = true;
      break;
    case SecureLeg::Read::kCut:
      end_source();
      break;
    case SecureLeg::Read::kFailed:
      refuse_source();
      break;
    case SecureLeg::Read::kLost:
      lose_source(result.error);
      break;
  }
  return Go::kOn;
}

SecureRelay::Go SecureRelay::send_output() noexcept {
  context_.calls.add(1);
  const int error = legs_.sink->send_output();
  if (error == 0 && legs_.sink->is_stranded()) {
    state_.sink_failed = state_.is_given_up = true;
    drop_held();
    return Go::kWait;
  }
  return error == 0 ? Go::kOn : on_send_failed(error);
}

/// False: it has to wait. While the socket has room, what the kernel still holds of the last record
/// goes out before this one does; a FIN would otherwise go ahead of it and cut the stream.
bool SecureRelay::tell_end_in_kernel(bool is_cut) noexcept {
  if (state_.sink_failed) return true;
  if (!is_writable(ends_.sink)) {
    wait_for_sink();
    return false;
  }
  if (is_cut || legs_.sink->is_shut()) return true;
  context_.calls.add(1);
  const int error = legs_.sink->send_end();
  if (error == 0) return true;
  if (is_send_retry(error)) {
    wait_for_sink();
    return false;
  }
  fail_sink(error);
  return true;
}

}  // namespace sluice::proxy
