// One thread's loop: everything it waits for, in one io_uring_enter(2) a turn.
//
//   submit and wait (for a completion or several, until the next timer) -> completions -> timers ->
//   letters -> end of turn -> again
//
// The clock is read once a turn. `ready_at_start()` tells handlers whether the turn carries a
// batch, which decides between sending through the ring and sending at once (the measurement is in
// src/ARCHITECTURE.md, section 2). Thread: constructed, run and destroyed on one thread;
// `mailbox()` may be used from any.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.h"
#include "reactor/mailbox.h"
#include "reactor/patience.h"
#include "reactor/timer_wheel.h"
#include "stats/counters.h"
#include "sys/fd.h"
#include "uring/ring.h"

namespace sluice::reactor {

/// What a turn's last step belongs to: the owner of the reactor.
class TurnEnd {
 public:
  /// After the letters of every turn.
  virtual void on_turn_end() noexcept = 0;

 protected:
  ~TurnEnd() = default;
};

class Reactor {
 public:
  /// `wake` is an eventfd; the ring must have been made on this thread.
  Reactor(uring::Ring ring, sys::Fd wake) noexcept;
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  /// Turns until `stop()`, then until the wake-up read has come back.
  void run(TurnEnd& owner) noexcept;

  /// The current turn is the last one. From the reactor's thread.
  void stop() noexcept;

  [[nodiscard]] uring::Ring& ring() noexcept { return ring_; }
  [[nodiscard]] TimerWheel& timers() noexcept { return timers_; }
  [[nodiscard]] Mailbox& mailbox() noexcept { return mailbox_; }

  /// How many sessions and flows may each have something to do: decides how many completions are
  /// waited for.
  void set_sessions(std::size_t count) noexcept { sessions_ = count; }

  /// When this turn began to run completions.
  [[nodiscard]] base::TimePoint now() const noexcept { return now_; }
  /// Completions that were ready when this turn began.
  [[nodiscard]] unsigned ready_at_start() const noexcept { return ready_at_start_; }
  [[nodiscard]] const stats::Counter& turns() const noexcept { return turns_; }

  void settle() noexcept {}  // for uring::Op: nothing ends here

 private:
  void on_wake(uring::Outcome outcome) noexcept;
  void turn() noexcept;

  uring::Ring ring_;
  sys::Fd wake_;
  Mailbox mailbox_;
  base::TimePoint now_;
  TimerWheel timers_;
  Patience patience_;
  std::size_t sessions_ = 0;
  unsigned ready_at_start_ = 0;
  stats::Counter turns_;
  std::uint64_t wake_value_ = 0;
  bool is_running_ = true;
  uring::Op<&Reactor::on_wake> wake_read_{*this};
};

}  // namespace sluice::reactor
