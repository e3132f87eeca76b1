// The TLS state of one of a session's sockets in the user gear: the keys of both directions, and
// what has to be said beside data.
//
// Shared by the session's two directions: one opens what comes from the socket, the other one seals
// what goes to it. What the first learns that calls for an answer (a KeyUpdate, a refused record)
// waits here as output until the second writes it, between two records. Thread: its worker's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "base/clock.h"
#include "proxy/record_buffers.h"
#include "tls/control.h"
#include "tls/key_schedule.h"
#include "tls/record_stream.h"
#include "tls/secrets.h"
#include "tls/ticket_reader.h"

namespace sluice::proxy {

class Direction;

class SecureLeg {
 public:
  /// Null: OpenSSL could not derive the keys.
  [[nodiscard]] static std::unique_ptr<SecureLeg> make(const tls::SessionSecrets& secrets);

  /// Whom the first session ticket is for; null: nobody wants one.
  void read_tickets_with(std::unique_ptr<tls::TicketReader> reader) noexcept {
    tickets_ = std::move(reader);
  }

  enum class Opened : std::uint8_t {
    kNeedsMore,  ///< no whole record is left
    kFull,       ///< the list of pieces is
    kEnded,      ///< close_notify: nothing more counts
    kFailed,     ///< a fatal alert, or a record that earns one, which is then to be written
  };
  struct Result {
    Opened what = Opened::kNeedsMore;
    std::uint32_t plaintext = 0;
  };
  /// Opens what is in `buffer` and follows what control records ask for.
  Result open(tls::Aead& aead, RecordBuffer& buffer, base::TimePoint now) noexcept;

  /// Something waits to be written that is no data.
  [[nodiscard]] bool has_output() const noexcept { return is_answer_due_ || is_alert_due_; }
  /// Seals it behind what `out` holds. False: no room, or OpenSSL failed.
  [[nodiscard]] bool seal_output(tls::Aead& aead, RecordBuffer& out) noexcept;

  /// Seals from `bytes` what fits behind what `out` holds, in whole records. Gives the bytes of
  /// plaintext that are done; -1: OpenSSL failed.
  [[nodiscard]] std::int64_t seal(tls::Aead& aead, std::span<const std::byte> bytes,
                                  RecordBuffer& out) noexcept;

  /// Seals close_notify; nothing may be sealed after it.
  [[nodiscard]] bool seal_end(tls::Aead& aead, RecordBuffer& out) noexcept;
  /// close_notify or a fatal alert has been sealed.
  [[nodiscard]] bool is_shut() const noexcept { return is_shut_; }

  /// The other side's data ended without close_notify: it may have been cut short.
  void mark_truncated() noexcept { is_truncated_ = true; }
  [[nodiscard]] bool is_truncated() const noexcept { return is_truncated_; }

  /// KeyUpdates that were followed, of either side.
  [[nodiscard]] std::uint32_t key_updates() const noexcept { return key_updates_; }

  /// The direction that writes to this socket: told to go on when there is output.
  Direction* writer = nullptr;

 private:
  explicit SecureLeg(const tls::SessionSecrets& secrets) noexcept
      : control_(secrets.version, secrets.role), max_fragment_(secrets.max_fragment) {}

  Result open_some(tls::Aead& aead, RecordBuffer& buffer, base::TimePoint now) noexcept;
  bool follow(const tls::Control::Decision& decision) noexcept;
  void read_ticket(tls::Aead& aead, std::span<const std::byte> message) noexcept;
  void note_data() noexcept;
  bool add_record(tls::Aead& aead, wire::RecordType type, std::span<const std::byte> body,
                  RecordBuffer& out) noexcept;
  bool update_key(tls::Aead& aead, RecordBuffer& out) noexcept;
  void owe_alert(wire::Alert alert) noexcept;

  tls::SessionKeys keys_;
  tls::RecordOpener opener_;
  tls::Control control_;
  std::unique_ptr<tls::TicketReader> tickets_;  ///< until the first has come
  std::uint8_t data_before_ticket_ = 0;
  std::uint16_t max_fragment_;
  std::uint32_t key_updates_ = 0;
  wire::Alert alert_ = wire::Alert::kCloseNotify;
  bool is_answer_due_ = false;
  bool is_alert_due_ = false;
  bool is_shut_ = false;
  bool is_truncated_ = false;
};

}  // namespace sluice::proxy
