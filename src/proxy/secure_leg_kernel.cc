// The halves of a TLS socket that the kernel seals and opens.
#include <cerrno>

#include "base/assert.h"
#include "proxy/secure_leg.h"
#include "proxy/socket_errors.h"
#include "tls/key_limit.h"

namespace sluice::proxy {

using tls::Control;
using wire::Alert;
using wire::RecordType;

int SecureLeg::move_to_kernel(int fd, tls::Half half, Rekey rekey) noexcept {
  const bool is_receive = half == tls::Half::kReceive;
  SLUICE_ASSERT(is_receive || owed_ == nullptr);
  if (const int error = tls::attach_ktls(fd)) return error;
  const auto& keys = is_receive ? keys_.receive : keys_.transmit;
  if (const int error = tls::install_key(fd, half, keys)) return error;
  (is_receive ? is_receiving_in_kernel_ : is_transmitting_in_kernel_) = true;
  fd_ = fd;
  can_rekey_ = rekey == Rekey::kPossible;
  return 0;
}

SecureLeg::ReadResult SecureLeg::read(tls::Aead& aead, std::span<std::byte> into,
                                      base::TimePoint now) noexcept {
  const tls::KernelRecord record = tls::receive_record(fd_, into);
  if (record.error == EKEYEXPIRED) {
    // The kernel takes the first byte of a KeyUpdate for all of it, and opens no more until it has
    // a key that only the rest of the message would tell of.
    strand();
    return {Read::kFailed};
  }
  if (record.count < 0) {
    return {is_retry(record.error) ? Read::kDry : Read::kLost, 0, record.error};
  }
  if (record.is_end) return {Read::kCut};
  const auto count = static_cast<std::uint32_t>(record.count);
  if (record.is_data) {
    // No data may come inside a message (RFC 8446 section 5.1).
    if (control_.is_between_messages()) {
      if (count > 0) {
        empty_records_ = 0;
        note_data();
      }
      return {Read::kData, count};
    }
    owe_alert(Alert::kUnexpectedMessage);
    return {Read::kFailed};
  }
  const auto decision = control_.on_record(record.type, into.first(count), now);
  if (!decision.ticket.empty()) read_ticket(aead, decision.ticket);
  if (decision.action == Control::Action::kEnd) return {Read::kEnded};
  return {follow(decision) ? Read::kAgain : Read::kFailed};
}

bool SecureLeg::allow_empty_record() noexcept {
  if (++empty_records_ <= tls::kMaxEmptyRecords) return true;
  owe_alert(Alert::kUnexpectedMessage);
  return false;
}

int SecureLeg::send_key_update() noexcept {
  if (!can_rekey_) {
    strand();
    return 0;  // the alert that is owed now says so
  }
  if (const int error = tls::send_record(fd_, RecordType::kHandshake, tls::kKeyUpdateMessage)) {
    return error;
  }
  ++key_updates_;
  is_answer_due_ = false;
  if (!tls::advance_keys(keys_.transmit)) return ENOMEM;
  return tls::install_key(fd_, tls::Half::kTransmit, keys_.transmit);
}

int SecureLeg::send_output() noexcept {
  if (is_shut_) {
    is_answer_due_ = is_alert_due_ = false;
    return 0;
  }
  if (is_answer_due_) {
    if (const int error = send_key_update()) return error;
  }
  if (is_alert_due_) {
    const auto body = tls::alert_message(alert_);
    if (const int error = tls::send_record(fd_, RecordType::kAlert, body)) return error;
    is_alert_due_ = false;
    is_shut_ = alert_ != Alert::kNoRenegotiation;
  }
  return 0;
}

int SecureLeg::send_end() noexcept {
  const auto body = tls::alert_message(Alert::kCloseNotify);
  if (const int error = tls::send_record(fd_, RecordType::kAlert, body)) return error;
  is_shut_ = true;
  return 0;
}

/// The kernel closes a record early where its pages are small ones: so many at the most. It is
/// asked for the true number only where that would be too many.
void SecureLeg::note_sent(std::uint32_t bytes) noexcept {
  constexpr std::uint32_t kSmallRecord = 4096;
  keys_.transmit.sequence += bytes / kSmallRecord + 1;
  if (!tls::is_used_up(keys_.transmit)) return;
  if (const auto number = tls::next_record(fd_, keys_.transmit)) keys_.transmit.sequence = *number;
  if (!tls::is_used_up(keys_.transmit)) return;
  if (can_rekey_) {
    is_answer_due_ = true;
  } else {
    strand();
  }
}

void SecureLeg::strand() noexcept {
  is_stranded_ = true;
  is_answer_due_ = false;
  owe_alert(Alert::kInternalError);
}

}  // namespace sluice::proxy
