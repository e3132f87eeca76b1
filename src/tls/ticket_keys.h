// The keys that session tickets are sealed with: one set for a process, renewed by the clock.
//
//   chain(0) --> chain(1) --> chain(2) ...      one step each kPeriod, by a one-way function
//      |            |
//    keys(0)      keys(1)
//
// Every worker has a copy that goes from step to step by itself: copies with the same beginning
// agree without sharing anything, and a step that has passed cannot be computed from what is left
// in memory. Tickets are sealed with the current keys and accepted with the current and the
// previous ones. Thread: its owner's. Source: RFC 5077 section 4, RFC 8446 section 4.6.1.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <span>

#include "base/clock.h"

namespace sluice::tls {

struct TicketKey {
  std::array<std::uint8_t, 16> name{};    ///< stands in the ticket
  std::array<std::uint8_t, 32> cipher{};  ///< AES-256-CBC
  std::array<std::uint8_t, 32> mac{};     ///< HMAC-SHA256

  TicketKey() = default;
  TicketKey(const TicketKey&) = default;
  TicketKey& operator=(const TicketKey&) = default;
  ~TicketKey();
};

class TicketKeys {
 public:
  static constexpr std::chrono::hours kPeriod{4};

  /// Begins with random keys.
  explicit TicketKeys(base::TimePoint now);
  TicketKeys(const TicketKeys&) = default;
  TicketKeys& operator=(const TicketKeys&) = default;
  ~TicketKeys();

  /// Takes the steps that are due.
  void advance(base::TimePoint now) noexcept;

  [[nodiscard]] const TicketKey& current() const noexcept { return current_; }
  /// The current or the previous one; null where the name is of neither.
  [[nodiscard]] const TicketKey* find(std::span<const std::uint8_t, 16> name) const noexcept;

 private:
  using Chain = std::array<std::uint8_t, 32>;
  void step() noexcept;

  Chain chain_{};
  base::TimePoint next_step_;
  TicketKey current_;
  TicketKey previous_;
};

}  // namespace sluice::tls
