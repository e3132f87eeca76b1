// The one clock of the benchmark programs: monotonic, in nanoseconds.
#pragma once

#include <chrono>
#include <cstdint>

namespace sluice::bench {

using Clock = std::chrono::steady_clock;
using Duration = std::chrono::nanoseconds;
using Time = Clock::time_point;

[[nodiscard]] inline Time now() {
  return Clock::now();
}

/// A span as the histogram stores it; a span that ran backwards counts as zero.
[[nodiscard]] inline std::uint64_t to_nanoseconds(Duration span) {
  return span.count() < 0 ? 0 : static_cast<std::uint64_t>(span.count());
}

[[nodiscard]] inline double to_seconds(Duration span) {
  return std::chrono::duration<double>(span).count();
}

}  // namespace sluice::bench
