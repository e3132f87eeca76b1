// How many completions a turn waits for: with many sessions that talk, for more than the first.
//
// A worker that is faster than its clients together would otherwise wake for every message: each
// sleep, and each turn, costs more than the message. It waits for what the rate of the last
// millisecond promises within half of kLimit, and for no more than half of the sessions, of which
// there must be kFewestSessions: few that wait for one another (a ping-pong) are never kept
// waiting. Less than kFewest would not make the turn a batch. A promise that is broken is not
// believed again for a while.
//
//   patient --a wait ended by its limit with less than half--> impatient for kPause, then twice
//   that, at most kLongestPause --> patient
//
// Thread: its reactor's.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace sluice::reactor {

class Patience {
 public:
  /// The longest that a completion waits for others.
  static constexpr base::Duration kLimit = std::chrono::microseconds(250);
  static constexpr unsigned kFewest = 4;
  static constexpr std::size_t kFewestSessions = 32;
  static constexpr unsigned kMost = 32;

  explicit Patience(base::TimePoint now) noexcept : since_(now), resumes_at_(now) {}

  /// Completions worth waiting for at `now`, at least 1; more than one only for kLimit.
  [[nodiscard]] unsigned wanted(std::size_t sessions, base::TimePoint now) const noexcept {
    if (sessions < kFewestSessions || now < resumes_at_) return 1;
    const std::size_t count = std::min<std::size_t>({sessions / kShare, promised_ / 2, kMost});
    return count < kFewest ? 1 : static_cast<unsigned>(count);
  }

  /// A wait for `wanted` completions has brought `got` of them.
  void note(unsigned wanted, unsigned got, base::TimePoint now) noexcept {
    measure(got, now);
    if (wanted == 1) return;
    if (got >= wanted) {
      pause_ = kPause;
    } else if (got < wanted / 2) {
      resumes_at_ = now + pause_;
      pause_ = std::min(2 * pause_, kLongestPause);
    }
  }

 private:
  static constexpr std::size_t kShare = 2;  ///< of the sessions, one in so many
  static constexpr base::Duration kPeriod = std::chrono::milliseconds(1);
  static constexpr base::Duration kPause = std::chrono::milliseconds(10);
  static constexpr base::Duration kLongestPause = std::chrono::seconds(1);

  void measure(unsigned got, base::TimePoint now) noexcept {
    counted_ += got;
    const base::Duration span = now - since_;
    if (span < kPeriod) return;
    promised_ = static_cast<std::size_t>(counted_ * kLimit.count() / span.count());
    counted_ = 0;
    since_ = now;
  }

  std::int64_t counted_ = 0;  ///< completions since `since_`
  base::TimePoint since_;
  std::size_t promised_ = 0;  ///< completions in kLimit, by the last period
  base::TimePoint resumes_at_;
  base::Duration pause_ = kPause;
};

}  // namespace sluice::reactor
