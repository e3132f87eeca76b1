// The one clock of the data path: monotonic, read once a turn by the reactor and passed on as a
// value.
#pragma once

#include <chrono>
#include <cstdint>

namespace sluice::base {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Duration = std::chrono::nanoseconds;
using std::chrono::milliseconds;

/// Whole milliseconds since the clock's epoch, rounded down: the tick of the timer wheel.
[[nodiscard]] inline std::uint64_t to_tick(TimePoint time) noexcept {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<milliseconds>(time.time_since_epoch()).count());
}

}  // namespace sluice::base
