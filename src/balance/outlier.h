// Whether a server fails the sessions that are sent to it, whatever its checks say, and for how
// long it is left out then (ejected).
//
// A failure is a connect that failed or timed out, or a handshake or greeting toward the server
// that did; a success is a session that got as far as relaying, for UDP a flow's first answer. Only
// failures with no success between them count, so a server that fails now and then is left alone.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "base/clock.h"

namespace sluice::balance {

struct OutlierRules {
  std::uint32_t max_fails = 0;   ///< failures in a row that make a streak; 0 = none does
  base::milliseconds window{0};  ///< they lie within
};

/// So many failures in a row, and how long they took.
struct Streak {
  std::uint32_t failures = 0;
  base::milliseconds within{0};
};

/// The failures in a row of one server, of all workers together. Any thread.
class StreakCounter {
 public:
  static constexpr std::uint32_t kMostFails = 1'000'000;

  /// One more. Gives the streak that it completes, once: then nothing is counted until a success or
  /// clear().
  [[nodiscard]] std::optional<Streak> fail(const OutlierRules& rules, base::TimePoint now) noexcept;

  /// Ends what there is of a streak. True when that was complete and had been given.
  [[nodiscard]] bool succeed() noexcept {
    return word_.load(std::memory_order_relaxed) != 0 &&
           word_.exchange(0, std::memory_order_relaxed) == kGiven;
  }

  /// Complete and given, and no success since.
  [[nodiscard]] bool is_given() const noexcept {
    return word_.load(std::memory_order_relaxed) == kGiven;
  }
  void clear() noexcept { word_.store(0, std::memory_order_relaxed); }

 private:
  static constexpr unsigned kCountBits = 20;
  static constexpr std::uint64_t kGiven = ~std::uint64_t{0};

  /// The first failure's time in milliseconds above the number of failures; 0 = none.
  std::atomic<std::uint64_t> word_{0};
};

/// How often a server was left out lately, which makes the next time longer. Control thread.
class EjectionHistory {
 public:
  static constexpr std::uint32_t kLongest = 10;  ///< times `eject`

  /// It is left out from now on; gives for how long: once `eject`, twice that when it fails again
  /// after it came back, and so on. Each `eject` that it was back takes one of these off.
  [[nodiscard]] base::milliseconds begin(base::milliseconds eject, base::TimePoint now) noexcept;
  void end(base::TimePoint now) noexcept { back_since_ = now; }

 private:
  std::uint32_t times_ = 0;
  base::TimePoint back_since_;
};

/// Whether one more of a backend's `servers` may be left out beside those that are.
[[nodiscard]] bool may_eject(std::uint64_t servers, std::uint64_t ejected,
                             std::uint32_t max_percent) noexcept;

}  // namespace sluice::balance
