// One direction of a session: takes bytes from the source socket and writes them to the sink
// socket. A session has two.
//
//                      bulk: a long run one way
//        +------+  ------------------------------>  +--------+
//        | copy |    (emptied, nothing in flight)   | splice |
//        +------+  <------------------------------  +--------+
//                   chatty: small moves in a row, or no pipe
//
// Copy: a multishot receive into the worker's shared buffers; a chunk is sent without a
// completion of its own when the turn is a quiet one, else with it, as everyone else's. Splice:
// wait for readability, then splice(2) source -> pipe -> sink without blocking until one side has
// nothing left, with a budget a turn. The pipe is empty whenever it is filled, so EAGAIN from the
// source side means that the source is dry, never that the pipe is full.
//
// Backpressure is explicit: a direction that cannot write does not read (relay_plan.h has the
// marks). The direction never closes a socket, and shuts one only when told: the session judges
// both directions together.
//
// What arrives in several buffers at once (`uring::Outcome::has_next()`) is gathered and goes to
// the sink in one sendmsg(2): a message of 64 KiB is one wake-up of its reader, not four.
//
// A prefix is written before anything received, by the same sends; it is freed when it is written.
// What an editor has made of received bytes is written the same way; while there is an editor,
// nothing is spliced.
//
// A sink that has no TCP_NODELAY gets it before the second write: the first one waits for nothing,
// and sessions of one question are spared the call.
//
// Thread: its worker's. Limits: held bytes and chunks are bounded by the high-water mark and
// what a multishot receive brings before its cancellation takes effect (32 buffers at a time), or
// by one pipe.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "base/clock.h"
#include "base/intrusive_list.h"
#include "base/slab.h"
#include "proxy/chunk_pool.h"
#include "proxy/direction.h"
#include "proxy/pipe_pool.h"
#include "proxy/relay_plan.h"
#include "reactor/reactor.h"
#include "stats/counters.h"
#include "sys/pipe.h"
#include "uring/completion.h"

namespace sluice::proxy {

struct SecureContext;
struct RelayContext;

class Relay final : public Direction {
 public:
  /// One-way bytes after which a direction counts as bulk.
  static constexpr std::uint64_t kPromoteAfter = std::uint64_t{128} * 1024;
  /// A move below this is small; this many in a row make a spliced direction chatty.
  static constexpr std::uint32_t kSmallMove = 4096;
  static constexpr std::uint8_t kDemoteAfter = 8;
  /// Bytes a spliced direction moves in one turn before others get theirs.
  static constexpr std::uint32_t kTurnBudget = 2 * 1024 * 1024;

  Relay(RelayContext& context, RelayHost& host, Run& run, DirectionEnds ends) noexcept;
  /// Must be quiet.
  ~Relay();

  void begin_with(ByteString prefix) noexcept override;
  void begin_with_plaintext(ByteString prefix) noexcept override { begin_with(std::move(prefix)); }
  void edit_more() noexcept override;
  void advance() noexcept override;
  void stop() noexcept override;
  [[nodiscard]] bool is_quiet() const noexcept override {
    return !receive_.is_in_flight() && !send_.is_in_flight();
  }
  void pass_end() noexcept override;
  void release() noexcept override;

 private:
  /// What is written before anything that waits in chunks.
  struct Prefix {
    ByteString bytes;
    std::size_t written = 0;
    ByteString next;  ///< edited while a send was reading `bytes`
  };
  enum class Moved : std::uint8_t { kSome, kBlocked, kEnded };

  void on_receive(uring::Outcome outcome) noexcept;
  void on_send(uring::Outcome outcome) noexcept;

  void on_chunk(uring::Outcome outcome) noexcept;
  void gather() noexcept;
  bool end_gathering() noexcept;
  void edit(std::span<const std::byte> bytes) noexcept;
  void note_prefix_sent(std::uint32_t count) noexcept;
  void on_receive_end(int result) noexcept;
  void consider_promotion() noexcept;
  void note_write() noexcept;
  [[nodiscard]] bool can_send_quietly() const noexcept;
  /// Sends what is held first, without a completion to wake for; what is left of it stays held.
  void send_at_once() noexcept;
  /// The same of several chunks. Returns whether something was sent.
  bool send_chunks() noexcept;
  void end_source() noexcept;
  void fail_sink(int error) noexcept;
  void starve() noexcept;
  void drop_first_chunk() noexcept;
  /// What is to be sent next: the rest of the prefix, or of the first chunk.
  [[nodiscard]] std::span<const std::byte> next_bytes() const noexcept;
  void note_sent(std::uint32_t count) noexcept;
  void drop_held() noexcept;

  void take(Step step) noexcept;
  void start_receive() noexcept;
  void submit_send() noexcept;
  void change_gear() noexcept;

  void splice_turn() noexcept;
  Moved fill_pipe() noexcept;
  Moved drain_pipe() noexcept;
  void note_small_move(std::uint32_t moved) noexcept;
  void drop_pipe() noexcept;

  RelayContext& context_;
  std::unique_ptr<Prefix> prefix_;
  ChunkQueue queue_;
  std::uint8_t small_moves_ = 0;
  std::uint8_t demotions_ = 0;
  bool has_written_ = false;
  bool is_send_quiet_ = false;  ///< the send in flight is one
  sys::Pipe pipe_;
  uring::Op<&Relay::on_receive> receive_{*this};
  uring::Op<&Relay::on_send> send_{*this};
};

/// What all relays of a worker share.
struct RelayContext {
  reactor::Reactor& reactor;
  ChunkPool& chunks;
  PipePool& pipes;
  bool is_splice_allowed = true;
  stats::Counter promotions;
  stats::Counter demotions;
  stats::Counter shortages;                ///< receives that found no buffer
  base::IntrusiveList<Direction> starved;  ///< resumed at the end of a turn that has buffers again
  base::IntrusiveList<Direction> gathering;  ///< resumed at the end of the turn
  base::Slab<Relay> relays{};
  SecureContext* secure = nullptr;  ///< null: no TLS here

  /// End of turn: sends what was gathered, refills the ring and lets starved directions receive
  /// again.
  void end_turn() noexcept;
};

}  // namespace sluice::proxy
