// The live state of a frontend, found by its name: what a reload must not lose. Workers count, the
// control thread reads.
//
// The limit is that of the table in force. Connections beyond it wait where they are, in the
// kernel's queue; what a worker has accepted by then waits in the line.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "balance/address_counts.h"
#include "balance/wait_line.h"
#include "stats/counters.h"

namespace sluice::proxy {

class FrontendState {
 public:
  FrontendState(std::string name, std::size_t workers)
      : name_(std::move(name)), slots_(workers), line_(workers) {}
  FrontendState(const FrontendState&) = delete;
  FrontendState& operator=(const FrontendState&) = delete;

  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  /// Sessions on all workers, and the most there were at once. Any thread.
  [[nodiscard]] stats::SharedGauge& sessions() noexcept { return sessions_; }

  /// Counts a session unless there are as many as may be or others wait who come before this
  /// ticket. Exact over all workers.
  [[nodiscard]] bool admit(std::uint64_t ticket) noexcept {
    const std::uint32_t most = limit();
    if (most != 0) return !line_.is_ahead_of(ticket) && sessions_.up_below(most);
    sessions_.up();
    return true;
  }
  [[nodiscard]] bool is_below_limit() const noexcept {
    const std::uint32_t most = limit();
    return most == 0 || sessions_.is_below(most);
  }
  /// How many more may come before the limit, never mind who waits.
  [[nodiscard]] std::uint64_t room() const noexcept {
    const std::uint64_t most = limit() == 0 ? UINT64_MAX : limit();
    return most - std::min(most, sessions_.value());
  }
  /// The most sessions it may have, 0 = any number. Any thread; the control thread sets it.
  [[nodiscard]] std::uint32_t limit() const noexcept {
    return limit_.load(std::memory_order_relaxed);
  }
  void set_limit(std::uint32_t limit) noexcept { limit_.store(limit, std::memory_order_relaxed); }
  /// Accepted, not admitted.
  [[nodiscard]] balance::WaitLine& line() noexcept { return line_; }

  /// The sessions of each client address, since the first table with a limit for them; null before.
  /// Control thread.
  [[nodiscard]] balance::AddressCounts* addresses() noexcept { return addresses_.get(); }
  void count_addresses(std::unique_ptr<balance::AddressCounts> counts) noexcept {
    addresses_ = std::move(counts);
  }

  /// Worker `worker`'s own counters: written by that worker only, read by any.
  [[nodiscard]] stats::TrafficCounters& traffic(std::uint32_t worker) noexcept {
    return slots_[worker];
  }
  [[nodiscard]] const std::vector<stats::TrafficCounters>& slots() const noexcept { return slots_; }

 private:
  alignas(64) stats::SharedGauge sessions_;
  std::atomic<std::uint32_t> limit_{0};
  std::string name_;
  std::vector<stats::TrafficCounters> slots_;
  balance::WaitLine line_;
  std::unique_ptr<balance::AddressCounts> addresses_;
};

}  // namespace sluice::proxy
