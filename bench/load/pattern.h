// The bytes that the benchmark programs send: byte number n of a stream is n modulo 251.
//
// The period is prime, so a piece of a stream that was lost, doubled or moved by any number of
// bytes that a buffer size could produce no longer matches.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace sluice::bench {

class Pattern {
 public:
  /// The longest piece that `at` gives, in bytes.
  static constexpr std::size_t kPiece = std::size_t{256} << 10;

  Pattern() {
    for (std::size_t n = 0; n < bytes_.size(); ++n) bytes_[n] = static_cast<char>(n % kPeriod);
  }

  /// The stream's bytes from `offset` on; kPiece of them may be read.
  [[nodiscard]] const char* at(std::uint64_t offset) const {
    return bytes_.data() + offset % kPeriod;
  }

  /// Whether `size` bytes (at most kPiece) are those of the stream from `offset` on.
  [[nodiscard]] bool matches(const char* bytes, std::size_t size, std::uint64_t offset) const {
    return std::memcmp(bytes, at(offset), size) == 0;
  }

 private:
  static constexpr std::size_t kPeriod = 251;
  std::array<char, kPiece + kPeriod> bytes_{};
};

/// The process's one copy, built on first use.
[[nodiscard]] inline const Pattern& pattern() {
  static const Pattern shared;
  return shared;
}

}  // namespace sluice::bench
