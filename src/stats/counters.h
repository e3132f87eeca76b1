// Counters that one thread writes and the control thread reads.
//
// A `Counter` has exactly one writer, so an increment is a plain load, add and store: no lock
// prefix, no contention. Readers see a value that is whole and at most one turn old. Gauges that
// several workers change together (current sessions of a server, which least_connections compares)
// are `SharedGauge`, an atomic read-modify-write once per session, not per byte.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "sluice/stats.h"

namespace sluice::stats {

/// One writer thread, any reader.
class Counter {
 public:
  void add(std::uint64_t amount) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  void set(std::uint64_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t value() const noexcept {
    return value_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// Goes up and down and remembers its highest value. Any thread.
class SharedGauge {
 public:
  /// Adds one and returns the new value.
  std::uint64_t up() noexcept {
    const auto now = value_.fetch_add(1, std::memory_order_relaxed) + 1;
    note(now);
    return now;
  }
  /// Adds one unless it has this value or more, whoever else adds at the same instant.
  [[nodiscard]] bool up_below(std::uint64_t limit) noexcept {
    auto now = value_.load(std::memory_order_relaxed);
    do {
      if (now >= limit) return false;
    } while (!value_.compare_exchange_weak(now, now + 1, std::memory_order_seq_cst,
                                           std::memory_order_relaxed));
    note(now + 1);
    return true;
  }
  /// Sequentially consistent, like is_below(): who waits for room must not miss it.
  void down() noexcept { value_.fetch_sub(1, std::memory_order_seq_cst); }
  [[nodiscard]] bool is_below(std::uint64_t limit) const noexcept {
    return value_.load(std::memory_order_seq_cst) < limit;
  }
  [[nodiscard]] std::uint64_t value() const noexcept {
    return value_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t max() const noexcept { return max_.load(std::memory_order_relaxed); }

 private:
  void note(std::uint64_t now) noexcept {
    auto seen = max_.load(std::memory_order_relaxed);
    while (now > seen && !max_.compare_exchange_weak(seen, now, std::memory_order_relaxed)) {
    }
  }

  std::atomic<std::uint64_t> value_{0};
  std::atomic<std::uint64_t> max_{0};
};

/// What one worker counts for one frontend or one server. Padded so that two workers never share a
/// cache line.
struct alignas(64) TrafficCounters {
  Counter total;      ///< sessions
  Counter bytes_in;   ///< from the client
  Counter bytes_out;  ///< to the client
  Counter errors;     ///< server: connects that failed; frontend: sessions that reached no server
  Counter retries;    ///< server: sessions that moved on from it to another
  Counter refused;    ///< frontend: connections closed before a session began
};

/// Sessions that ended on one worker, by reason and side.
class ReasonCounters {
 public:
  void count(CloseReason reason, Side side) noexcept {
    counters_[static_cast<std::size_t>(reason)][static_cast<std::size_t>(side)].add(1);
  }
  [[nodiscard]] std::uint64_t value(CloseReason reason, Side side) const noexcept {
    return counters_[static_cast<std::size_t>(reason)][static_cast<std::size_t>(side)].value();
  }

 private:
  std::array<std::array<Counter, kSideCount>, kCloseReasonCount> counters_;
};

}  // namespace sluice::stats
