// The TLS state of one of a session's sockets: the keys of both directions, and what has to be said
// beside data.
//
// Each half is in user space first, where we open and seal its records; it may move into the kernel
// (secure_leg_kernel.cc), once and for good. The keys stay known, since the next ones come from
// them.
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
#include "proxy/byte_editor.h"
#include "proxy/record_buffers.h"
#include "tls/control.h"
#include "tls/key_schedule.h"
#include "tls/ktls.h"
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

  /// Records that are sealed already and have the numbers before all that will be: session tickets
  /// that the handshake has left. No more than `kMaxOwed` bytes.
  void owe(ByteString records);
  static constexpr std::size_t kMaxOwed = 4096;

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

  /// The other side has said something that calls for an answer.
  [[nodiscard]] bool has_answer() const noexcept { return is_answer_due_ || is_alert_due_; }
  /// Something waits to be written that is no data.
  [[nodiscard]] bool has_output() const noexcept { return has_answer() || owed_ != nullptr; }
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

  // In the kernel (secure_leg_kernel.cc)

  enum class Rekey : std::uint8_t { kImpossible, kPossible };
  /// Hands a half over to the kernel, at a record boundary. 0, or errno: then it stays here.
  [[nodiscard]] int move_to_kernel(int fd, tls::Half half, Rekey rekey) noexcept;
  [[nodiscard]] bool is_in_kernel(tls::Half half) const noexcept {
    return half == tls::Half::kReceive ? is_receiving_in_kernel_ : is_transmitting_in_kernel_;
  }

  enum class Read : std::uint8_t {
    kData,    ///< `plaintext` bytes, or a record without content
    kAgain,   ///< something was said beside data, and followed
    kDry,     ///< nothing is there
    kEnded,   ///< close_notify
    kCut,     ///< the stream's end without it
    kFailed,  ///< a fatal alert, or something that earns one, which is then to be written
    kLost,    ///< the socket has failed: `error`
  };
  struct ReadResult {
    Read what = Read::kDry;
    std::uint32_t plaintext = 0;
    int error = 0;
  };
  /// Reads what the kernel has opened, and follows what control records ask for.
  ReadResult read(tls::Aead& aead, std::span<std::byte> into, base::TimePoint now) noexcept;
  /// An empty record has come by splice(2). False: one too many.
  [[nodiscard]] bool allow_empty_record() noexcept;

  /// Sends what `has_answer()` tells of. 0, or errno.
  [[nodiscard]] int send_output() noexcept;
  /// Sends close_notify; nothing may be sent after it. 0, or errno.
  [[nodiscard]] int send_end() noexcept;
  /// The kernel has sealed this much: a key is good for so many records only.
  void note_sent(std::uint32_t bytes) noexcept;
  /// A key would have to be replaced and this kernel cannot: the connection is over.
  [[nodiscard]] bool is_stranded() const noexcept { return is_stranded_; }

  /// A record may hold less than usual.
  [[nodiscard]] bool is_fragmented() const noexcept { return max_fragment_ < wire::kMaxPlaintext; }
  [[nodiscard]] const tls::SessionKeys& keys() const noexcept { return keys_; }

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
  bool add_owed(RecordBuffer& out) noexcept;
  bool add_record(tls::Aead& aead, wire::RecordType type, std::span<const std::byte> body,
                  RecordBuffer& out) noexcept;
  bool update_key(tls::Aead& aead, RecordBuffer& out) noexcept;
  bool take_next_receive_key() noexcept;
  [[nodiscard]] int send_key_update() noexcept;
  void strand() noexcept;
  void owe_alert(wire::Alert alert) noexcept;

  tls::SessionKeys keys_;
  tls::RecordOpener opener_;
  tls::Control control_;
  std::unique_ptr<tls::TicketReader> tickets_;  ///< until the first has come
  std::unique_ptr<ByteString> owed_;            ///< null: nothing
  std::uint8_t data_before_ticket_ = 0;
  std::uint16_t max_fragment_;
  std::uint8_t empty_records_ = 0;  ///< in a row, where the kernel opens them
  std::uint32_t key_updates_ = 0;
  wire::Alert alert_ = wire::Alert::kCloseNotify;
  int fd_ = -1;  ///< the socket, once a half is in the kernel
  bool is_receiving_in_kernel_ = false;
  bool is_transmitting_in_kernel_ = false;
  bool can_rekey_ = false;
  bool is_stranded_ = false;
  bool is_answer_due_ = false;
  bool is_alert_due_ = false;
  bool is_shut_ = false;
  bool is_truncated_ = false;
};

}  // namespace sluice::proxy
