// One direction of a session: takes bytes from the source socket and writes them to the sink
// socket. A session has two.
//
//                      bulk: a long run one way
//        +------+  ------------------------------>  +--------+
//        | copy |    (emptied, nothing in flight)   | splice |
//        +------+  <------------------------------  +--------+
//                   chatty: small moves in a row, or no pipe
//
// Copy: a multishot receive into the worker's shared buffers; a chunk is sent at once when the turn
// is a quiet one, else through the ring together with everyone else's. Splice: wait for
// readability, then splice(2) source -> pipe -> sink without blocking until one side has nothing
// left, with a budget a turn. The pipe is empty whenever it is filled, so EAGAIN from the source
// side means that the source is dry, never that the pipe is full.
//
// Backpressure is explicit: a direction that cannot write does not read (relay_plan.h has the
// marks). The direction never closes or shuts a socket: the session judges both directions together
// and does that.
//
// Thread: its worker's. Limits: held bytes and chunks are bounded by the high-water mark and
// what a multishot receive brings before its cancellation takes effect (32 buffers at a time), or
// by one pipe.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "base/intrusive_list.h"
#include "proxy/chunk_pool.h"
#include "proxy/pipe_pool.h"
#include "proxy/relay_plan.h"
#include "reactor/reactor.h"
#include "stats/counters.h"
#include "sys/pipe.h"
#include "uring/completion.h"

namespace sluice::proxy {

class Relay;

/// What all relays of a worker share.
struct RelayContext {
  reactor::Reactor& reactor;
  ChunkPool& chunks;
  PipePool& pipes;
  bool is_splice_allowed = true;
  stats::Counter promotions;
  stats::Counter demotions;
  stats::Counter shortages;            ///< receives that found no buffer
  base::IntrusiveList<Relay> starved;  ///< resumed at the end of a turn that has buffers again

  /// End of turn: refills the ring and lets starved relays receive again.
  void end_turn() noexcept;
};

/// Bytes that have gone one way since something came the other way; shared by the two directions of
/// a session. A long run means bulk, however small the packets; question and answer keep it short,
/// however large the messages.
struct Run {
  const Relay* speaker = nullptr;
  std::uint64_t bytes = 0;
};

/// The session, as its relays see it.
class RelayHost {
 public:
  /// After every completion of one of its relays' operations.
  virtual void on_relay_progress() noexcept = 0;

 protected:
  ~RelayHost() = default;
};

class Relay final : public base::ListHook<> {
 public:
  /// One-way bytes after which a direction counts as bulk.
  static constexpr std::uint64_t kPromoteAfter = std::uint64_t{128} * 1024;
  /// A move below this is small; this many in a row make a spliced direction chatty.
  static constexpr std::uint32_t kSmallMove = 4096;
  static constexpr std::uint8_t kDemoteAfter = 8;
  /// Bytes a spliced direction moves in one turn before others get theirs.
  static constexpr std::uint32_t kTurnBudget = 2 * 1024 * 1024;

  /// The descriptors stay the session's; the counters count bytes as they arrive.
  struct Ends {
    int source;
    int sink;
    stats::Counter& frontend_bytes;
    stats::Counter& server_bytes;
  };

  Relay(RelayContext& context, RelayHost& host, Run& run, Ends ends) noexcept;
  /// Must be quiet.
  ~Relay();

  /// Takes the steps that the plan asks for until it says wait.
  void advance() noexcept;

  /// No further step; asks what is in flight to end and drops what is held.
  void stop() noexcept;

  /// Nothing is in flight.
  [[nodiscard]] bool is_quiet() const noexcept {
    return !receive_.is_in_flight() && !send_.is_in_flight();
  }

  /// The session has passed the end on (shutdown(2) of the sink). The half-closed time begins now.
  void mark_sink_shut() noexcept {
    state_.sink_shut = true;
    last_activity_ = context_.reactor.now();
  }

  /// The source's socket has failed on its other direction: an end that is read now is no orderly
  /// one.
  void mark_source_broken() noexcept { is_source_broken_ = true; }

  [[nodiscard]] const RelayState& state() const noexcept { return state_; }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] base::TimePoint last_activity() const noexcept { return last_activity_; }
  /// The direction has been in the splice gear at some time.
  [[nodiscard]] bool has_spliced() const noexcept { return has_spliced_; }

  void settle() noexcept { host_.on_relay_progress(); }

 private:
  friend struct RelayContext;
  enum class Moved : std::uint8_t { kSome, kBlocked, kEnded };

  void on_receive(uring::Outcome outcome) noexcept;
  void on_send(uring::Outcome outcome) noexcept;

  void on_chunk(uring::Outcome outcome) noexcept;
  void on_receive_end(int result) noexcept;
  void note_arrival(std::uint32_t count) noexcept;
  void consider_promotion() noexcept;
  /// Sends a chunk that nothing waits before, without the ring; what is left of it stays in the
  /// pool.
  void send_at_once(std::uint16_t buffer) noexcept;
  void end_source() noexcept;
  void fail_sink(int error) noexcept;
  void starve() noexcept;
  void drop_first_chunk() noexcept;

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
  RelayHost& host_;
  Run& run_;
  base::TimePoint last_activity_;
  std::uint64_t bytes_ = 0;
  Ends ends_;
  RelayState state_;
  ChunkQueue queue_;
  std::uint8_t small_moves_ = 0;
  std::uint8_t demotions_ = 0;
  bool has_spliced_ = false;
  bool is_source_broken_ = false;
  sys::Pipe pipe_;
  uring::Op<&Relay::on_receive> receive_{*this};
  uring::Op<&Relay::on_send> send_{*this};
};

}  // namespace sluice::proxy
