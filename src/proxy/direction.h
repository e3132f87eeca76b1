// One direction of a relaying session as the session sees it, whatever moves its bytes: the plain
// `Relay` (relay.h), or one with TLS (secure_relay.h).
//
//   made --> [edit_with()] --> [begin_with()] --> advance() ... --> stop() --> quiet --> release()
//
// The session judges two directions together by their `RelayState` (relay_plan.h), so every kind
// keeps that state by the same rules. A direction tells its host after each completion of one of
// its operations and does nothing more then: the host may end it. Thread: its worker's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "base/clock.h"
#include "base/intrusive_list.h"
#include "proxy/byte_editor.h"
#include "proxy/relay_plan.h"
#include "proxy/tls_gear.h"
#include "stats/counters.h"
#include "sys/socket.h"

namespace sluice::proxy {

class Direction;

/// Bytes that have gone one way since something came the other way; shared by the two directions of
/// a session. A long run means bulk, however small the packets; question and answer keep it short,
/// however large the messages.
struct Run {
  const Direction* speaker = nullptr;
  std::uint64_t bytes = 0;
};

/// Where a direction reads and writes. The descriptors stay the session's; the counters count bytes
/// as they arrive.
struct DirectionEnds {
  int source;
  int sink;
  stats::Counter& frontend_bytes;
  stats::Counter& server_bytes;
  bool is_sink_slow = false;  ///< the sink has no TCP_NODELAY yet
};

/// The session, as its directions see it.
class RelayHost {
 public:
  /// After every completion of an operation of one of its directions.
  virtual void on_relay_progress() noexcept = 0;

 protected:
  ~RelayHost() = default;
};

class Direction : public base::ListHook<> {
 public:
  Direction(const Direction&) = delete;
  Direction& operator=(const Direction&) = delete;

  /// What comes from the source goes through the editor before it is written. Before anything
  /// else, and the editor outlives the direction.
  void edit_with(ByteEditor& editor) noexcept { editor_ = &editor; }

  /// Bytes that were read from the source before there was a direction: written before anything
  /// that it receives, and counted like that. Before the first `advance()`, once.
  virtual void begin_with(ByteString prefix) noexcept = 0;

  /// The same for bytes that are plaintext already where the source speaks TLS; they come before
  /// the others. After `begin_with()`.
  virtual void begin_with_plaintext(ByteString prefix) noexcept = 0;

  /// The editor may have something to write without having been given anything.
  virtual void edit_more() noexcept = 0;

  /// Takes the steps that are possible now until it has to wait.
  virtual void advance() noexcept = 0;

  /// No further step; asks what is in flight to end and drops what is held.
  virtual void stop() noexcept = 0;

  /// Nothing is in flight.
  [[nodiscard]] virtual bool is_quiet() const noexcept = 0;

  /// Everything has been delivered: tell the sink that the source has ended. Where that takes bytes
  /// of its own (close_notify) they count as held, and the session asks once more when they are
  /// gone; `sink_shut` is set when it is done. The half-closed time begins then.
  virtual void pass_end() noexcept = 0;

  /// Ends its life, in which it must be quiet; its memory goes back to where it came from.
  virtual void release() noexcept = 0;

  /// The source's socket has failed on its other direction: an end that is read now is no orderly
  /// one.
  void mark_source_broken() noexcept { is_source_broken_ = true; }

  /// Receive buffers are there again, or the turn in which the direction gathered is over.
  void resume() noexcept {
    state_.is_starved = state_.is_gathering = false;
    advance();
    settle();
  }

  [[nodiscard]] const RelayState& state() const noexcept { return state_; }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] base::TimePoint last_activity() const noexcept { return last_activity_; }
  /// The direction has been in the splice gear at some time.
  [[nodiscard]] bool has_spliced() const noexcept { return has_spliced_; }
  /// Why TLS is in user space; kNone: it is in the kernel, or there is none.
  [[nodiscard]] UserReason user_reason() const noexcept { return user_reason_; }

  void settle() noexcept { host_.on_relay_progress(); }

 protected:
  Direction(RelayHost& host, Run& run, DirectionEnds ends, base::TimePoint now) noexcept
      : host_(host), run_(run), ends_(ends), last_activity_(now) {}
  ~Direction() = default;

  /// Counts bytes that have come from the source.
  void note_arrival(std::uint32_t count, base::TimePoint now) noexcept {
    bytes_ += count;
    ends_.frontend_bytes.add(count);
    ends_.server_bytes.add(count);
    last_activity_ = now;
    if (run_.speaker != this) run_ = {this, 0};
    run_.bytes += count;
  }

  /// Writes to the sink wait for nothing from now on.
  void hasten_sink() noexcept {
    if (std::exchange(ends_.is_sink_slow, false)) sys::set_no_delay(ends_.sink);
  }

  RelayHost& host_;
  Run& run_;
  DirectionEnds ends_;
  ByteEditor* editor_ = nullptr;  ///< null: bytes go on as they come
  base::TimePoint last_activity_;
  std::uint64_t bytes_ = 0;
  RelayState state_;
  UserReason user_reason_ = UserReason::kNone;
  bool has_spliced_ = false;
  bool is_source_broken_ = false;
};

struct DirectionRelease {
  void operator()(Direction* direction) const noexcept { direction->release(); }
};
using DirectionPtr = std::unique_ptr<Direction, DirectionRelease>;

}  // namespace sluice::proxy
