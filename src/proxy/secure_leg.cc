#include "proxy/secure_leg.h"

#include <algorithm>
#include <new>

#include "base/assert.h"
#include "tls/key_limit.h"

namespace sluice::proxy {

using tls::Control;
using wire::Alert;
using wire::RecordType;

namespace {

/// A server sends its tickets before anything else, but for what it says before it has our
/// Finished. One that has sent data so many times sends none.
constexpr std::uint8_t kPatience = 4;

}  // namespace

std::unique_ptr<SecureLeg> SecureLeg::make(const tls::SessionSecrets& secrets) {
  std::unique_ptr<SecureLeg> leg(new SecureLeg(secrets));
  if (!tls::derive_keys(secrets, leg->keys_)) return nullptr;
  return leg;
}

// --- Opening ---

SecureLeg::Result SecureLeg::open(tls::Aead& aead, RecordBuffer& buffer,
                                  base::TimePoint now) noexcept {
  const std::uint32_t before = buffer.pieces.count;
  Result result = open_some(aead, buffer, now);
  const auto& pieces = buffer.pieces;
  for (std::uint32_t i = before; i < pieces.count; ++i) result.plaintext += pieces.pieces[i].length;
  return result;
}

SecureLeg::Result SecureLeg::open_some(tls::Aead& aead, RecordBuffer& buffer,
                                       base::TimePoint now) noexcept {
  for (;;) {
    const std::uint32_t pieces = buffer.pieces.count;
    const auto opened = opener_.open(aead, keys_.receive, buffer.all().first(buffer.end),
                                     buffer.begin, buffer.pieces);
    if (buffer.pieces.count != pieces) note_data();
    // No data may come inside a message (RFC 8446 section 5.1).
    if (buffer.pieces.count != pieces && !control_.is_between_messages()) {
      owe_alert(Alert::kUnexpectedMessage);
      return {Opened::kFailed, 0};
    }
    switch (opened.what) {
      case tls::Opened::kNeedsMore:
        return {Opened::kNeedsMore, 0};
      case tls::Opened::kFull:
        return {Opened::kFull, 0};
      case tls::Opened::kRefused:
        owe_alert(opened.alert);
        return {Opened::kFailed, 0};
      case tls::Opened::kControl:
        break;
    }
    const auto decision = control_.on_record(opened.type, opened.body, now);
    if (decision.action == Control::Action::kEnd) return {Opened::kEnded, 0};
    if (!decision.ticket.empty()) read_ticket(aead, decision.ticket);
    if (!follow(decision)) return {Opened::kFailed, 0};
  }
}

void SecureLeg::read_ticket(tls::Aead& aead, std::span<const std::byte> message) noexcept {
  if (tickets_) tickets_->read(aead, message);
  tickets_.reset();
}

void SecureLeg::note_data() noexcept {
  if (tickets_ && ++data_before_ticket_ >= kPatience) tickets_.reset();
}

/// False: the connection is over.
bool SecureLeg::follow(const Control::Decision& decision) noexcept {
  switch (decision.action) {
    case Control::Action::kNone:
      return true;
    case Control::Action::kEnd:
    case Control::Action::kAbort:
      return false;
    case Control::Action::kRefuse:
      owe_alert(decision.alert);
      return false;
    case Control::Action::kWarn:
      owe_alert(decision.alert);
      return true;
    case Control::Action::kUpdateAndAnswer:
      is_answer_due_ = true;  // one answer does for several requests (RFC 8446 section 4.6.3)
      [[fallthrough]];
    case Control::Action::kUpdate:
      return take_next_receive_key();
  }
  return false;
}

bool SecureLeg::take_next_receive_key() noexcept {
  ++key_updates_;
  if (!tls::advance_keys(keys_.receive)) return false;
  if (!is_receiving_in_kernel_) return true;
  if (can_rekey_ && tls::install_key(fd_, tls::Half::kReceive, keys_.receive) == 0) return true;
  strand();
  return false;
}

void SecureLeg::owe_alert(Alert alert) noexcept {
  is_alert_due_ = true;
  alert_ = alert;
}

// --- Sealing ---

void SecureLeg::owe(ByteString records) {
  SLUICE_ASSERT(records.size() <= kMaxOwed);
  if (!records.empty()) owed_ = std::make_unique<ByteString>(std::move(records));
}

bool SecureLeg::add_owed(RecordBuffer& out) noexcept {
  if (owed_ == nullptr) return true;
  if (out.room().size() < owed_->size()) return false;
  std::copy(owed_->begin(), owed_->end(), out.room().begin());
  out.end += static_cast<std::uint32_t>(owed_->size());
  owed_.reset();
  return true;
}

bool SecureLeg::add_record(tls::Aead& aead, RecordType type, std::span<const std::byte> body,
                           RecordBuffer& out) noexcept {
  if (out.room().size() < body.size() + tls::kMaxSealOverhead) return false;
  const std::size_t size = tls::seal_record(aead, keys_.transmit, type, body, out.room());
  out.end += static_cast<std::uint32_t>(size);
  return size > 0;
}

bool SecureLeg::update_key(tls::Aead& aead, RecordBuffer& out) noexcept {
  if (!add_record(aead, RecordType::kHandshake, tls::kKeyUpdateMessage, out)) return false;
  ++key_updates_;
  return tls::advance_keys(keys_.transmit);
}

bool SecureLeg::seal_output(tls::Aead& aead, RecordBuffer& out) noexcept {
  if (is_shut_) {
    is_answer_due_ = is_alert_due_ = false;
    return true;
  }
  if (!add_owed(out)) return false;
  if (is_answer_due_) {
    if (!update_key(aead, out)) return false;
    is_answer_due_ = false;
  }
  if (is_alert_due_) {
    if (!add_record(aead, RecordType::kAlert, tls::alert_message(alert_), out)) return false;
    is_alert_due_ = false;
    is_shut_ = alert_ != Alert::kNoRenegotiation;
  }
  return true;
}

std::int64_t SecureLeg::seal(tls::Aead& aead, std::span<const std::byte> bytes,
                             RecordBuffer& out) noexcept {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const std::size_t part = std::min<std::size_t>(bytes.size() - done, max_fragment_);
    const bool needs_new_key = tls::is_used_up(keys_.transmit);
    if (out.room().size() < part + (needs_new_key ? 3 : 1) * tls::kMaxSealOverhead) break;
    if (needs_new_key && !update_key(aead, out)) return -1;
    if (!add_record(aead, RecordType::kApplicationData, bytes.subspan(done, part), out)) return -1;
    done += part;
  }
  return static_cast<std::int64_t>(done);
}

bool SecureLeg::seal_end(tls::Aead& aead, RecordBuffer& out) noexcept {
  SLUICE_ASSERT(owed_ == nullptr);  // it goes before the first data, and this comes after the last
  if (!add_record(aead, RecordType::kAlert, tls::alert_message(Alert::kCloseNotify), out)) {
    return false;
  }
  is_shut_ = true;
  return true;
}

}  // namespace sluice::proxy
