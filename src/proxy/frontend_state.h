// The live state of a frontend, found by its name: what a reload must not lose. Workers count, the
// control thread reads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "stats/counters.h"

namespace sluice::proxy {

class FrontendState {
 public:
  FrontendState(std::string name, std::size_t workers) : name_(std::move(name)), slots_(workers) {}
  FrontendState(const FrontendState&) = delete;
  FrontendState& operator=(const FrontendState&) = delete;

  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  /// Sessions on all workers, and the most there were at once. Any thread.
  [[nodiscard]] stats::SharedGauge& sessions() noexcept { return sessions_; }

  /// Worker `worker`'s own counters: written by that worker only, read by any.
  [[nodiscard]] stats::TrafficCounters& traffic(std::uint32_t worker) noexcept {
    return slots_[worker];
  }
  [[nodiscard]] const std::vector<stats::TrafficCounters>& slots() const noexcept { return slots_; }

 private:
  alignas(64) stats::SharedGauge sessions_;
  std::string name_;
  std::vector<stats::TrafficCounters> slots_;
};

}  // namespace sluice::proxy
