// Totals turned into rates per second, over about the last second. One thread.
#pragma once

#include <chrono>
#include <cstdint>

namespace sluice::daemon {

class RateMeter {
 public:
  using Clock = std::chrono::steady_clock;

  struct Totals {
    std::uint64_t sessions = 0;
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;
  };
  struct Rates {
    double sessions = 0;
    double bytes_in = 0;
    double bytes_out = 0;
  };

  /// Takes the totals as they are now; call it once a second.
  void sample(const Totals& totals, Clock::time_point now) {
    const double seconds = std::chrono::duration<double>(now - sampled_at_).count();
    if (seconds > 0) {
      const auto rate = [&](std::uint64_t after, std::uint64_t before) {
        // A state that left with its server takes its numbers along: the total may shrink.
        return after > before ? static_cast<double>(after - before) / seconds : 0.0;
      };
      rates_ = {rate(totals.sessions, totals_.sessions), rate(totals.bytes_in, totals_.bytes_in),
                rate(totals.bytes_out, totals_.bytes_out)};
    }
    totals_ = totals;
    sampled_at_ = now;
  }

  [[nodiscard]] const Rates& rates() const noexcept { return rates_; }

 private:
  Totals totals_;
  Rates rates_;
  Clock::time_point sampled_at_ = Clock::now();
};

}  // namespace sluice::daemon
