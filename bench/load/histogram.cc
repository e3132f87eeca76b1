#include "histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace sluice::bench {

void Histogram::record(std::uint64_t value) {
  const std::uint64_t kept = std::min(value, kMaxValue);
  ++buckets_[bucket_of(kept)];
  ++count_;
  max_ = std::max(max_, kept);
  sum_ += static_cast<double>(kept);
}

void Histogram::reset() {
  *this = Histogram{};
}

double Histogram::mean() const {
  return count_ == 0 ? 0 : sum_ / static_cast<double>(count_);
}

std::uint64_t Histogram::quantile(double fraction) const {
  const double wanted = std::ceil(std::clamp(fraction, 0.0, 1.0) * static_cast<double>(count_));
  const auto rank = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(wanted));
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    seen += buckets_[bucket];
    if (seen >= rank) return std::min(last_value_of(bucket), max_);
  }
  return max_;
}

// Values below 2 * kSubBuckets have a bucket of their own; above, each power of two has
// kSubBuckets of them and a bucket is 2^exponent wide.
std::size_t Histogram::bucket_of(std::uint64_t value) {
  const auto width = static_cast<unsigned>(std::bit_width(value));
  const unsigned exponent = width > kSubBits + 1 ? width - kSubBits - 1 : 0;
  return exponent * kSubBuckets + static_cast<std::size_t>(value >> exponent);
}

std::uint64_t Histogram::last_value_of(std::size_t bucket) {
  if (bucket < 2 * kSubBuckets) return bucket;
  const std::size_t exponent = bucket / kSubBuckets - 1;
  const std::uint64_t position = bucket - exponent * kSubBuckets;
  return ((position + 1) << exponent) - 1;
}

}  // namespace sluice::bench
