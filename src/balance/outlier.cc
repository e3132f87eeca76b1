#include "balance/outlier.h"

#include <algorithm>

namespace sluice::balance {

std::optional<Streak> StreakCounter::fail(const OutlierRules& rules, base::TimePoint now) noexcept {
  static_assert(kMostFails < 1U << kCountBits);
  if (rules.max_fails == 0) return std::nullopt;
  const std::uint64_t at = base::to_tick(now);
  const auto window = static_cast<std::uint64_t>(rules.window.count());
  std::uint64_t before = word_.load(std::memory_order_relaxed);
  while (before != kGiven) {
    const std::uint64_t began = before >> kCountBits;
    // Another worker's clock may be a turn ahead.
    const std::uint64_t passed = at > began ? at - began : 0;
    const bool goes_on = before != 0 && passed <= window;
    const std::uint64_t count = goes_on ? (before & ((1U << kCountBits) - 1)) + 1 : 1;
    const bool is_complete = count >= rules.max_fails;
    const std::uint64_t after = is_complete ? kGiven : (goes_on ? began : at) << kCountBits | count;
    if (!word_.compare_exchange_weak(before, after, std::memory_order_relaxed)) continue;
    if (!is_complete) return std::nullopt;
    return Streak{static_cast<std::uint32_t>(count), base::milliseconds(goes_on ? passed : 0)};
  }
  return std::nullopt;
}

base::milliseconds EjectionHistory::begin(base::milliseconds eject, base::TimePoint now) noexcept {
  const auto calm = static_cast<std::uint64_t>(std::max<base::Duration::rep>(
      0, (now - back_since_) / std::max(eject, base::milliseconds(1))));
  times_ = static_cast<std::uint32_t>(times_ - std::min<std::uint64_t>(times_, calm));
  times_ = std::min(times_ + 1, kLongest);
  return eject * times_;
}

bool may_eject(std::uint64_t servers, std::uint64_t ejected, std::uint32_t max_percent) noexcept {
  return (ejected + 1) * 100 <= servers * max_percent;
}

}  // namespace sluice::balance
