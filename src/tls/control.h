// What a TLS connection's other side says besides data once the handshake is done: alerts,
// KeyUpdate, session tickets, attempts to renegotiate. Pure: a record in, a decision out.
//
// Messages may be split over records and several may share one (RFC 8446 section 5.1); a KeyUpdate
// must be the last of its record, as the next one is under the new key. Thread: one. Limits:
// kMaxUpdates KeyUpdates a second, kMaxWarnings warnings in a connection; a message's body is
// counted, never kept, so a ticket that is split over records is passed over.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/clock.h"
#include "tls/secrets.h"
#include "wire/tls_record.h"

namespace sluice::tls {

class Control {
 public:
  /// Of one second, for each connection; the number that HAProxy has.
  static constexpr std::uint32_t kMaxUpdates = 100;
  /// Warning alerts and refused renegotiations; OpenSSL's number.
  static constexpr std::uint32_t kMaxWarnings = 5;

  enum class Action : std::uint8_t {
    kNone,             ///< go on
    kEnd,              ///< close_notify: nothing more comes
    kAbort,            ///< a fatal alert: the connection is over, `alert` says why
    kRefuse,           ///< send `alert`, then the connection is over
    kWarn,             ///< send `alert` as a warning and go on
    kUpdate,           ///< take the next receive key
    kUpdateAndAnswer,  ///< and send a KeyUpdate, then take the next transmit key
  };
  struct Decision {
    Action action = Action::kNone;
    wire::Alert alert = wire::Alert::kCloseNotify;
    /// The first NewSessionTicket that lies whole in the record, its header included.
    std::span<const std::byte> ticket{};
  };

  Control(Version version, Role role) noexcept : version_(version), role_(role) {}

  /// A record that is no application data.
  Decision on_record(wire::RecordType type, std::span<const std::byte> body,
                     base::TimePoint now) noexcept;

  /// Application data is next: no message may be half read (RFC 8446 section 5.1).
  [[nodiscard]] bool is_between_messages() const noexcept { return header_bytes_ == 0; }

 private:
  Decision on_alert(std::span<const std::byte> body) noexcept;
  Decision on_handshake(std::span<const std::byte> body, base::TimePoint now) noexcept;
  Decision on_message_begin() noexcept;
  Decision on_message_end(std::span<const std::byte> whole) noexcept;
  Decision on_key_update(std::byte request, std::size_t bytes_behind, base::TimePoint now) noexcept;
  Decision warn(Decision decision) noexcept;
  [[nodiscard]] std::size_t body_length() const noexcept;
  [[nodiscard]] wire::HandshakeType type() const noexcept {
    return static_cast<wire::HandshakeType>(header_[0]);
  }

  Version version_;
  Role role_;
  // The handshake message that is being read.
  std::array<std::byte, 4> header_{};
  std::uint8_t header_bytes_ = 0;
  std::uint32_t body_left_ = 0;
  // Limits.
  std::uint32_t warnings_ = 0;
  std::uint32_t updates_ = 0;
  base::TimePoint updates_since_{};
};

/// A KeyUpdate message that asks for none in return (RFC 8446 section 4.6.3).
inline constexpr std::array<std::byte, 5> kKeyUpdateMessage = {
    std::byte{24}, std::byte{0}, std::byte{0}, std::byte{1}, std::byte{0}};

/// The two bytes of an alert. close_notify and no_renegotiation are warnings, the rest is fatal.
[[nodiscard]] std::array<std::byte, 2> alert_message(wire::Alert alert) noexcept;

}  // namespace sluice::tls
