#include "reactor/reactor.h"

#include <algorithm>
#include <optional>

namespace sluice::reactor {

Reactor::Reactor(uring::Ring ring, sys::Fd wake) noexcept
    : ring_(std::move(ring)),
      wake_(std::move(wake)),
      mailbox_(wake_.get()),
      now_(base::Clock::now()),
      timers_(now_),
      patience_(now_) {
  ring_.read_event(wake_read_, wake_.get(), wake_value_);
}

void Reactor::on_wake(uring::Outcome) noexcept {
  if (is_running_) ring_.read_event(wake_read_, wake_.get(), wake_value_);
}

void Reactor::stop() noexcept {
  is_running_ = false;
  ring_.cancel(wake_read_);
}

void Reactor::turn() noexcept {
  std::optional<base::Duration> timeout;
  if (const auto next = timers_.next()) {
    timeout = std::max(base::Duration(0), base::Duration(*next - base::Clock::now()));
  }
  const unsigned wanted = ring_.is_hurried() ? 1 : patience_.wanted(sessions_, now_);
  if (wanted > 1) timeout = std::min(timeout.value_or(Patience::kLimit), Patience::kLimit);
  ring_.submit_and_wait(timeout, wanted);
  now_ = base::Clock::now();
  ready_at_start_ = ring_.ready();
  patience_.note(wanted, ready_at_start_, now_);
  ring_.dispatch(ready_at_start_);
  timers_.advance(now_);
  mailbox_.deliver_all();
  turns_.add(1);
}

void Reactor::run(TurnEnd& owner) noexcept {
  while (is_running_) {
    turn();
    owner.on_turn_end();
  }
  while (wake_read_.is_in_flight()) turn();
}

}  // namespace sluice::reactor
