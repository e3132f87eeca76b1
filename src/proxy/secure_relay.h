// One direction of a session of which at least one socket speaks TLS. In the user gear bytes are
// received into a buffer, opened there, sealed straight into a second one, and sent.
//
//     source --> [ in: ciphertext | plaintext ] --seal--> [ out ] --> sink (TLS)
//                                     `-------------------------> sink (plain)
//
// One step after the other until one has to wait (`step()`): what is ready to be sent goes first,
// then what has to be said to the sink beside data, then sealing, opening, receiving. So a
// direction that cannot write does not read, and holds at most one buffer of each side.
//
// Waiting for the source costs no buffer: a quiet direction waits with a one-shot receive into the
// worker's shared buffers, so a small message costs one send(2) and its share of the ring's calls.
// One that moves bulk waits for readability and receives into a large buffer of its own until the
// source is dry or the turn's budget is used up.
//
// Kernel gear (secure_relay_kernel.cc): once `choose_gear()` says so, and all that was received is
// opened and all that was sealed is sent, the kernel takes the keys of each end. A buffer that
// holds part of a record takes exactly what is missing of it first. Then bulk goes from socket to
// socket through a pooled pipe; what is no data is read and answered beside it, and a direction
// without a pipe, with an editor or without bulk copies plaintext.
//
// Ends: close_notify ends the source, whatever comes behind it; a FIN without it does too, and
// counts as truncation, which is passed on as such to a TLS sink (no close_notify). A reset, a
// fatal alert or a refused record fails it. Thread: its worker's. Limits: one buffer of each kind
// (record_buffers.h), a prefix, one chunk.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "base/intrusive_list.h"
#include "base/slab.h"
#include "proxy/direction.h"
#include "proxy/record_buffers.h"
#include "proxy/relay.h"
#include "proxy/secure_leg.h"
#include "proxy/tls_gear.h"
#include "reactor/timer_wheel.h"
#include "sys/pipe.h"
#include "tls/aead.h"
#include "uring/completion.h"

namespace sluice::proxy {

struct SecureContext;

class SecureRelay final : public Direction {
 public:
  /// One-way bytes after which a direction counts as bulk.
  static constexpr std::uint64_t kBulkAfter = std::uint64_t{64} * 1024;
  /// The same, after which it is worth the calls that move it into the kernel.
  static constexpr std::uint64_t kKernelAfter = std::uint64_t{256} * 1024;
  /// Bytes it receives in one turn before others get theirs.
  static constexpr std::uint32_t kTurnBudget = 2 * 1024 * 1024;

  /// The socket speaks plaintext where the leg is null.
  struct Legs {
    SecureLeg* source;
    SecureLeg* sink;
  };

  SecureRelay(SecureContext& context, RelayHost& host, Run& run, DirectionEnds ends,
              Legs legs) noexcept;
  /// Must be quiet.
  ~SecureRelay();

  void begin_with(ByteString prefix) noexcept override;
  void begin_with_plaintext(ByteString prefix) noexcept override;
  void edit_more() noexcept override;
  void advance() noexcept override;
  void stop() noexcept override;
  [[nodiscard]] bool is_quiet() const noexcept override {
    return !receive_.is_in_flight() && !send_.is_in_flight();
  }
  void pass_end() noexcept override;
  void release() noexcept override;

 private:
  /// Received before there was a direction, and not used up yet.
  struct Prefix {
    ByteString bytes;
    std::size_t used = 0;
  };
  /// Plaintext that is in no buffer: an editor's, or read before there was a direction. Goes on
  /// before what is in `in_`.
  struct Loose {
    ByteString bytes;
    std::size_t used = 0;
  };
  /// Whether there is another step to take.
  enum class Go : std::uint8_t { kOn, kWait };

  Go step() noexcept;
  Go flush() noexcept;
  Go wait_for_sink() noexcept;
  /// What becomes of the direction when a call that sends to the sink has failed.
  Go on_send_failed(int error) noexcept;
  Go seal_output() noexcept;
  Go seal_plaintext() noexcept;
  Go edit_plaintext() noexcept;
  Go pass_loose() noexcept;
  Go send_loose() noexcept;
  Go seal_loose() noexcept;
  void edit(std::span<const std::byte> bytes) noexcept;
  void use_loose(std::size_t count) noexcept;
  Go open() noexcept;
  Go receive() noexcept;
  Go take_in(std::span<const std::byte> bytes, std::size_t& used) noexcept;
  Go take_prefix() noexcept;
  Go take_chunk() noexcept;
  Go receive_now() noexcept;
  Go wait_for_source() noexcept;
  Go starve() noexcept;

  // Kernel gear (secure_relay_kernel.cc)
  void consider_kernel() noexcept;
  [[nodiscard]] GearFacts facts() const noexcept;
  [[nodiscard]] bool move_to_kernel(SecureLeg& leg, int fd, tls::Half half) noexcept;
  [[nodiscard]] bool can_splice() noexcept;
  Go fill_pipe() noexcept;
  [[nodiscard]] bool is_pipe_fit() const noexcept;
  Go on_nothing_spliced(std::int64_t got, int error) noexcept;
  void lose_source(int error) noexcept;
  Go drain_pipe() noexcept;
  Go read_from_kernel() noexcept;
  Go take_read(const SecureLeg::ReadResult& result) noexcept;
  Go send_output() noexcept;
  [[nodiscard]] bool tell_end_in_kernel(bool is_cut) noexcept;
  void give_pipe_back() noexcept;
  void on_dry() noexcept;
  Go pause() noexcept;
  Go rest() noexcept;
  void on_rested() noexcept;

  void on_receive(uring::Outcome outcome) noexcept;
  void on_send(uring::Outcome outcome) noexcept;
  void on_receive_failed(int error) noexcept;

  [[nodiscard]] std::int64_t send_some() noexcept;
  void note_sent(std::uint32_t count) noexcept;
  void use_pieces(std::uint32_t count) noexcept;
  [[nodiscard]] bool get_room() noexcept;
  [[nodiscard]] bool get_out() noexcept;
  [[nodiscard]] std::uint32_t receive_limit() const noexcept;
  void park() noexcept;
  void move_in(RecordBuffer* to) noexcept;
  void end_source() noexcept;
  void fail_source() noexcept;
  void refuse_source() noexcept;
  void note_copied(std::uint32_t count) noexcept;
  void fail_sink(int error) noexcept;
  void break_off() noexcept;
  void drop_held() noexcept;
  void give_back_empty() noexcept;
  void count_held() noexcept;

  [[nodiscard]] bool is_source_over() const noexcept {
    return state_.source_ended || state_.source_failed;
  }
  [[nodiscard]] bool has_plaintext() const noexcept {
    return in_ != nullptr && !in_->pieces.is_empty();
  }
  [[nodiscard]] bool has_ciphertext() const noexcept {
    return in_ != nullptr && in_->begin != in_->end;
  }
  [[nodiscard]] bool is_bulk() const noexcept { return has_run(kBulkAfter); }
  [[nodiscard]] bool has_run(std::uint64_t bytes) const noexcept {
    return run_.speaker == this && run_.bytes >= bytes;
  }
  /// What comes from the source are records that are ours to open.
  [[nodiscard]] bool opens() const noexcept {
    return legs_.source != nullptr && !legs_.source->is_in_kernel(tls::Half::kReceive);
  }
  /// What goes to the sink are records that are ours to seal.
  [[nodiscard]] bool seals() const noexcept {
    return legs_.sink != nullptr && !legs_.sink->is_in_kernel(tls::Half::kTransmit);
  }

  SecureContext& context_;
  Legs legs_;
  RecordBuffer* in_ = nullptr;
  RecordBuffer* out_ = nullptr;
  std::unique_ptr<Prefix> prefix_;
  std::unique_ptr<Loose> loose_;  ///< null: none
  std::uint32_t turn_left_ = 0;
  std::uint16_t chunk_ = ChunkQueue::kNone;  ///< received, not yet taken in
  bool is_readable_ = false;                 ///< a receive is likely to give something at once
  bool needs_more_ = false;                  ///< `in_` holds no whole record
  bool is_polling_ = false;                  ///< the wait for the source is one for readability
  bool is_advancing_ = false;
  bool is_moving_ = false;        ///< goes into the kernel at the end of the record that is begun
  bool must_read_ = false;        ///< splice(2) gave nothing: reading says why
  bool has_looked_on_ = false;    ///< the kernel has, for more data than it gave
  bool is_record_due_ = false;    ///< splice(2) has met one that is no data, or none at all
  bool is_refused_ = false;       ///< the kernel did not take a key: it is not asked again
  bool is_pipe_short_ = false;    ///< no pipe was to be had in this turn
  std::uint32_t piped_ = 0;       ///< bytes in `pipe_`
  std::uint32_t used_slots_ = 0;  ///< of `pipe_`, at the most
  bool is_promised_ = false;      ///< poll(2) has told of bytes, and none has come since
  bool must_rest_ = false;        ///< it did so for part of a record
  std::uint8_t rests_ = 0;        ///< in a row
  sys::Pipe pipe_;
  reactor::Timer<&SecureRelay::on_rested> rest_{*this};
  uring::Op<&SecureRelay::on_receive> receive_{*this};
  uring::Op<&SecureRelay::on_send> send_{*this};
};

/// What all of a worker's directions with TLS share.
struct SecureContext {
  SecureContext(RelayContext& relay_in, tls::Aead aead_in, RecordBuffers::Limits limits)
      : relay(relay_in), aead(std::move(aead_in)), buffers(limits) {}

  RelayContext& relay;
  tls::Aead aead;
  RecordBuffers buffers;
  tls::KtlsPolicy ktls;
  GearCounters gears;            ///< directions that ended, by where
  stats::Counter copied_bytes;   ///< came to user space
  stats::Counter spliced_bytes;  ///< did not
  stats::Counter calls;          ///< that moved or looked for bytes, without those through the ring
  stats::Counter stranded;       ///< sessions that ended as this kernel cannot replace a key
  stats::Counter truncations;    ///< ends without close_notify
  stats::Counter refusals;       ///< connections ended for a record that must not be
  stats::Counter key_updates;
  base::IntrusiveList<Direction> starved;  ///< wait for a buffer
  base::Slab<SecureRelay> relays{};

  /// End of turn: lets starved directions go on.
  void end_turn() noexcept;
};

}  // namespace sluice::proxy
