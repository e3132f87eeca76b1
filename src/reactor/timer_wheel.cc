#include "reactor/timer_wheel.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace sluice::reactor {
namespace {

constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

}  // namespace

void TimerWheel::arm(TimerBase& timer, base::TimePoint when) noexcept {
  timer.unlink();
  // Rounded up: a timer never fires early. One that is due already fires on the next tick.
  const std::uint64_t tick = base::to_tick(when + base::milliseconds(1) - base::Duration(1));
  timer.tick_ = std::max(tick, current_ + 1);
  place(timer);
}

void TimerWheel::place(TimerBase& timer) noexcept {
  // What lies beyond the wheel waits in its last slot and is placed again from there.
  constexpr std::uint64_t kReach = std::uint64_t{1} << (kBits * kLevels);
  const std::uint64_t tick = std::min(timer.tick_, current_ + kReach - (kReach >> kBits) - 1);
  // The level is that of the highest digit in which the time differs from now.
  const std::uint64_t difference = (tick ^ current_) | 1;
  const unsigned top_bit = static_cast<unsigned>(std::bit_width(difference)) - 1;
  const unsigned level = std::min(top_bit / kBits, kLevels - 1);
  const std::uint64_t slot = (tick >> (level * kBits)) % kSlots;
  levels_[level].slots[slot].push_back(timer);
  levels_[level].occupied |= std::uint64_t{1} << slot;
}

void TimerWheel::cascade(unsigned level) noexcept {
  const std::uint64_t slot = (current_ >> (level * kBits)) % kSlots;
  Slot waiting;
  waiting.splice_back(levels_[level].slots[slot]);
  levels_[level].occupied &= ~(std::uint64_t{1} << slot);
  while (!waiting.is_empty()) place(waiting.pop_front());
}

void TimerWheel::fire(std::uint64_t slot) noexcept {
  // Moved aside first: a handler that arms a timer for "now" gets the next tick, so this loop ends.
  Slot due;
  due.splice_back(levels_[0].slots[slot]);
  levels_[0].occupied &= ~(std::uint64_t{1} << slot);
  while (!due.is_empty()) {
    TimerBase& timer = due.pop_front();
    timer.handler_(timer);
  }
}

void TimerWheel::advance(base::TimePoint now) noexcept {
  const std::uint64_t target = base::to_tick(now);
  while (current_ < target) {
    const std::uint64_t step = next_tick();
    if (step > target) {
      // Nothing lives between here and there, and no slot boundary that matters is crossed.
      current_ = target;
      return;
    }
    current_ = step;
    for (unsigned level = kLevels - 1; level > 0; --level) {
      const std::uint64_t below = (std::uint64_t{1} << (level * kBits)) - 1;
      if ((current_ & below) == 0) cascade(level);
    }
    fire(current_ % kSlots);
  }
}

std::uint64_t TimerWheel::next_tick() const noexcept {
  std::uint64_t nearest = kNever;
  for (unsigned level = 0; level < kLevels; ++level) {
    const std::uint64_t occupied = levels_[level].occupied;
    if (occupied == 0) continue;
    const unsigned shift = level * kBits;
    const std::uint64_t here = current_ >> shift;
    // Distance, in slots of this level, to the first occupied one behind the current; a full circle
    // for the current itself.
    const auto rotation = static_cast<int>((here + 1) % kSlots);
    const auto distance =
        static_cast<std::uint64_t>(std::countr_zero(std::rotr(occupied, rotation)));
    nearest = std::min(nearest, (here + 1 + distance) << shift);
  }
  return nearest;
}

std::optional<base::TimePoint> TimerWheel::next() const noexcept {
  const std::uint64_t tick = next_tick();
  if (tick == kNever) return std::nullopt;
  return base::TimePoint(base::milliseconds(static_cast<std::int64_t>(tick)));
}

}  // namespace sluice::reactor
