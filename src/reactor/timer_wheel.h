// Timers of one thread: an intrusive hierarchical wheel with ticks of one millisecond.
//
//   level 0   64 slots of 1 ms        level 1   64 slots of 64 ms
//   level 2   64 slots of 4 s         level 3   64 slots of 4.4 min       (4.7 h in all; later ones
//   wait in the last slot)
//
// Arming, moving and disarming take constant time and no memory. A timer fires in the first
// `advance()` at or after its time, never before, and once. Slots of the upper levels are spread
// over the lower ones when their time comes (Varghese and Lauck, "Hashed and Hierarchical Timing
// Wheels", SOSP 1987, scheme 7). One owner thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "base/intrusive_list.h"

namespace sluice::reactor {

class TimerWheel;

/// Something that happens at a time. Disarms itself when destroyed. Use `Timer<&Owner::method>`.
class TimerBase : public base::ListHook<> {
 public:
  [[nodiscard]] bool is_armed() const noexcept { return is_linked(); }
  /// Nothing happens when it is not armed.
  void disarm() noexcept { unlink(); }

 protected:
  using Handler = void (*)(TimerBase&) noexcept;
  explicit TimerBase(Handler handler) noexcept : handler_(handler) {}
  ~TimerBase() = default;

 private:
  friend class TimerWheel;
  Handler handler_;
  std::uint64_t tick_ = 0;
};

template <auto Method>
class Timer;

/// Calls the method and then the owner's `settle()`, as uring::Op does.
template <typename Owner, void (Owner::*Method)() noexcept>
class Timer<Method> final : public TimerBase {
 public:
  explicit Timer(Owner& owner) noexcept : TimerBase(&Timer::fire), owner_(owner) {}

 private:
  static void fire(TimerBase& self) noexcept {
    Owner& owner = static_cast<Timer&>(self).owner_;
    (owner.*Method)();
    owner.settle();
  }

  Owner& owner_;
};

class TimerWheel {
 public:
  explicit TimerWheel(base::TimePoint now) noexcept : current_(base::to_tick(now)) {}

  /// Fires at `when`, rounded up to the tick; moves the timer when it is armed already.
  void arm(TimerBase& timer, base::TimePoint when) noexcept;

  /// Fires everything that is due; handlers may arm and disarm any timer.
  void advance(base::TimePoint now) noexcept;

  /// When `advance()` has something to do: a time at or before the next timer's; none without
  /// timers.
  [[nodiscard]] std::optional<base::TimePoint> next() const noexcept;

 private:
  static constexpr unsigned kBits = 6;
  static constexpr std::uint64_t kSlots = 1U << kBits;
  static constexpr unsigned kLevels = 4;
  using Slot = base::IntrusiveList<TimerBase>;
  struct Level {
    std::array<Slot, kSlots> slots;
    std::uint64_t occupied = 0;  ///< a bit per slot that may hold timers; cleared when found empty
  };

  void place(TimerBase& timer) noexcept;
  void cascade(unsigned level) noexcept;
  void fire(std::uint64_t slot) noexcept;
  [[nodiscard]] std::uint64_t next_tick() const noexcept;

  std::array<Level, kLevels> levels_;
  std::uint64_t current_;  ///< every tick below and including this one has been served
};

}  // namespace sluice::reactor
