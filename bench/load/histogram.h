// A log-linear histogram of latencies, in the manner of HdrHistogram (hdrhistogram.org).
//
// Each power of two is cut into 128 equal buckets, so a value is known to better than 0.8 %, from
// one nanosecond to kMaxValue, in 38 KB whatever the number of values. Not thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace sluice::bench {

class Histogram {
 public:
  /// The largest value told apart, about 73 minutes in nanoseconds; larger ones count as this one.
  static constexpr std::uint64_t kMaxValue = (std::uint64_t{1} << 42) - 1;

  void record(std::uint64_t value);
  void reset();

  [[nodiscard]] std::uint64_t count() const { return count_; }
  /// Exact, not rounded to a bucket. 0 while nothing is recorded.
  [[nodiscard]] std::uint64_t max() const { return max_; }
  [[nodiscard]] double mean() const;

  /// The smallest value that at least `fraction` (0 to 1) of the recorded values do not exceed,
  /// rounded up to the end of its bucket. 0 while nothing is recorded.
  [[nodiscard]] std::uint64_t quantile(double fraction) const;

 private:
  static constexpr unsigned kSubBits = 7;
  static constexpr std::size_t kSubBuckets = std::size_t{1} << kSubBits;
  static constexpr std::size_t kBuckets = (42 - kSubBits + 1) * kSubBuckets;

  [[nodiscard]] static std::size_t bucket_of(std::uint64_t value);
  [[nodiscard]] static std::uint64_t last_value_of(std::size_t bucket);

  std::array<std::uint64_t, kBuckets> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
  double sum_ = 0;
};

}  // namespace sluice::bench
