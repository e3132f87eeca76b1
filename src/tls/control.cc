#include "tls/control.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace sluice::tls {
namespace {

using Action = Control::Action;
using Decision = Control::Decision;
using wire::Alert;
using wire::HandshakeType;
using wire::RecordType;

constexpr std::uint8_t kWarning = 1;
constexpr std::uint8_t kFatal = 2;

Decision refuse(Alert alert) noexcept {
  return {Action::kRefuse, alert, {}};
}

}  // namespace

Decision Control::on_record(RecordType type, std::span<const std::byte> body,
                            base::TimePoint now) noexcept {
  if (body.empty()) return refuse(Alert::kUnexpectedMessage);
  if (type == RecordType::kAlert) return on_alert(body);
  if (type == RecordType::kHandshake) return on_handshake(body, now);
  // ChangeCipherSpec has its place in handshakes only, other types have none.
  return refuse(Alert::kUnexpectedMessage);
}

Decision Control::on_alert(std::span<const std::byte> body) noexcept {
  if (!is_between_messages()) return refuse(Alert::kUnexpectedMessage);
  if (body.size() != 2) return refuse(Alert::kDecodeError);
  const auto level = std::to_integer<std::uint8_t>(body[0]);
  const auto alert = static_cast<Alert>(body[1]);
  if (alert == Alert::kCloseNotify) return {Action::kEnd, alert, {}};
  // TLS 1.3 has no warnings but these two, whatever the level says (RFC 8446 section 6).
  const bool is_warning =
      version_ == Version::kTls13 ? alert == Alert::kUserCanceled : level == kWarning;
  return is_warning ? warn({}) : Decision{Action::kAbort, alert, {}};
}

Decision Control::warn(Decision decision) noexcept {
  return ++warnings_ > kMaxWarnings ? refuse(Alert::kUnexpectedMessage) : decision;
}

std::size_t Control::body_length() const noexcept {
  const auto at = [&](std::size_t i) { return std::to_integer<std::size_t>(header_[i]); };
  return at(1) << 16 | at(2) << 8 | at(3);
}

Decision Control::on_handshake(std::span<const std::byte> body, base::TimePoint now) noexcept {
  Decision result;
  std::span<const std::byte> message;  // from its first byte to the record's end; empty: split
  while (!body.empty() && result.action != Action::kRefuse) {
    if (header_bytes_ == 0) message = body;
    if (header_bytes_ < header_.size()) {
      header_[header_bytes_++] = body.front();
      body = body.subspan(1);
      if (header_bytes_ < header_.size()) continue;
      body_left_ = static_cast<std::uint32_t>(body_length());
      const Decision decision = on_message_begin();
      if (decision.action != Action::kNone) return decision;
    }
    if (body_left_ > 0 && body.empty()) break;
    if (type() == HandshakeType::kKeyUpdate) {
      header_bytes_ = 0;
      return on_key_update(body.front(), body.size() - 1, now);
    }
    const std::size_t count = std::min<std::size_t>(body_left_, body.size());
    body = body.subspan(count);
    body_left_ -= static_cast<std::uint32_t>(count);
    if (body_left_ > 0) continue;
    const auto ticket = std::exchange(result.ticket, {});
    const std::size_t size = message.size() - body.size();
    result = on_message_end(message.empty() ? message : message.first(size));
    if (!ticket.empty()) result.ticket = ticket;
  }
  return result;
}

/// The header of a message is whole.
Decision Control::on_message_begin() noexcept {
  if (version_ == Version::kTls13) {
    if (type() == HandshakeType::kKeyUpdate) {
      return body_left_ == 1 ? Decision{} : refuse(Alert::kDecodeError);
    }
    const bool is_ticket = type() == HandshakeType::kNewSessionTicket && role_ == Role::kClient;
    return is_ticket && body_left_ > 0 ? Decision{} : refuse(Alert::kUnexpectedMessage);
  }
  const auto wanted =
      role_ == Role::kServer ? HandshakeType::kClientHello : HandshakeType::kHelloRequest;
  if (type() != wanted) return refuse(Alert::kUnexpectedMessage);
  if (body_left_ > 0xffff) return refuse(Alert::kDecodeError);
  return {};
}

/// Renegotiation is declined with a warning (RFC 5246 section 7.2.2); most clients then end the
/// connection.
Decision Control::on_message_end(std::span<const std::byte> whole) noexcept {
  header_bytes_ = 0;
  if (version_ == Version::kTls12) return warn({Action::kWarn, Alert::kNoRenegotiation, {}});
  return {Action::kNone, Alert::kCloseNotify, whole};
}

Decision Control::on_key_update(std::byte request, std::size_t bytes_behind,
                                base::TimePoint now) noexcept {
  if (bytes_behind > 0) return refuse(Alert::kUnexpectedMessage);
  if (now - updates_since_ >= std::chrono::seconds(1)) {
    updates_since_ = now;
    updates_ = 0;
  }
  if (++updates_ > kMaxUpdates) return refuse(Alert::kUnexpectedMessage);
  if (request == std::byte{0}) return {Action::kUpdate, {}, {}};
  if (request == std::byte{1}) return {Action::kUpdateAndAnswer, {}, {}};
  return refuse(Alert::kDecodeError);
}

std::array<std::byte, 2> alert_message(Alert alert) noexcept {
  const bool is_warning = alert == Alert::kCloseNotify || alert == Alert::kNoRenegotiation;
  return {static_cast<std::byte>(is_warning ? kWarning : kFatal), static_cast<std::byte>(alert)};
}

}  // namespace sluice::tls
