// How often something took how long: fixed buckets, one writer thread, any reader.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "stats/counters.h"

namespace sluice::stats {

/// Bucket bounds from 100 us to 1 h, wide enough for connect times and session times alike.
class Histogram {
 public:
  static constexpr std::array<double, 18> kBoundsSeconds = {
      0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
      0.1,    0.25,    0.5,    1,     5,      30,    300,  1800,  3600};

  void record(std::chrono::nanoseconds time) noexcept {
    const double seconds = std::chrono::duration<double>(time).count();
    const auto* bound = std::lower_bound(kBoundsSeconds.begin(), kBoundsSeconds.end(), seconds);
    counts_[static_cast<std::size_t>(bound - kBoundsSeconds.begin())].add(1);
    sum_nanoseconds_.add(static_cast<std::uint64_t>(std::max<std::int64_t>(time.count(), 0)));
  }

  /// Adds what this one holds to a row that has been made for these bounds.
  void add_to(HistogramRow& row) const {
    row.counts.resize(counts_.size());
    row.bounds_seconds.assign(kBoundsSeconds.begin(), kBoundsSeconds.end());
    for (std::size_t index = 0; index < counts_.size(); ++index) {
      row.counts[index] += counts_[index].value();
    }
    row.sum_seconds += static_cast<double>(sum_nanoseconds_.value()) / 1e9;
  }

 private:
  std::array<Counter, kBoundsSeconds.size() + 1> counts_;
  Counter sum_nanoseconds_;
};

}  // namespace sluice::stats
