// Whether a server is up, from the outcomes of its active checks. Pure: no clock, no I/O.
#pragma once

#include <cstdint>
#include <string>

#include "balance/orders.h"

namespace sluice::balance {

/// How many outcomes in a row it takes to change a server's state; both at least 1.
struct HealthRules {
  std::uint16_t fall = 3;  ///< failures that take an UP server down
  std::uint16_t rise = 2;  ///< successes that bring a DOWN server up

  friend bool operator==(const HealthRules&, const HealthRules&) = default;
};

enum class HealthState : std::uint8_t {
  kNoCheck,  ///< nobody checks it: it counts as up
  kUp,
  kDown,
};

/// What is known about a server's health, small enough for one atomic word.
struct HealthStatus {
  HealthState state = HealthState::kNoCheck;
  bool is_checked = false;     ///< a check has finished since checking began
  bool is_ejected = false;     ///< left out because sessions have failed there (outlier.h)
  std::uint16_t progress = 0;  ///< kUp: failures it still survives, plus one; kDown: successes
  std::uint16_t goal = 0;      ///< kUp: fall; kDown: rise

  /// By its checks.
  [[nodiscard]] bool is_healthy() const noexcept { return state != HealthState::kDown; }
  [[nodiscard]] bool is_up() const noexcept { return is_healthy() && !is_ejected; }

  /// On the way to the other state: `UP 2/3`, `DOWN 1/2`.
  [[nodiscard]] bool is_changing() const noexcept {
    return state == HealthState::kUp ? progress != goal : progress != 0;
  }

  /// The value as one word, and back.
  [[nodiscard]] std::uint64_t to_word() const noexcept;
  [[nodiscard]] static HealthStatus from_word(std::uint64_t word) noexcept;

  friend bool operator==(const HealthStatus&, const HealthStatus&) = default;
};

/// What a server is doing in its backend at the moment, which decides how its state is shown.
enum class Duty : std::uint8_t {
  kServing,
  kStandby,  ///< a passive server that is not needed now
};

/// The contract's spelling (section 4): `UP`, `UP 2/3`, `DOWN`, `DOWN 1/2`, `NOCHECK`; `STANDBY`
/// for a server that is up and idle because it is passive.
/// `DRAIN` and `MAINT` where that was ordered, whatever the health; `DOWN` for an ejected one.
[[nodiscard]] std::string to_string(const HealthStatus& status, Duty duty,
                                    Order order = Order::kReady);

enum class CheckOutcome : std::uint8_t { kSuccess, kFailure };

/// The state machine of one server's active checks, with HAProxy's rules and figures.
///
///     state      | success                              | failure
///     -----------+--------------------------------------+-------------------------------
///     NOCHECK    | -                                    | -
///     UP l/fall  | UP (l = fall)                        | l > 1: UP l-1/fall; else DOWN
///     DOWN k/rise| k+1 < rise: DOWN k+1/rise; else UP   | DOWN (k = 0)
///
/// start_checks(rules): NOCHECK becomes UP 1/fall: optimistic, so that a start or a reload refuses
/// nobody, but the first failed check takes the server down at once. UP and DOWN stay what they
/// are under the new rules; what was full stays full, and progress is cut to what they allow.
/// stop_checks(): every state becomes NOCHECK.
///
/// Invariants: 1 <= l <= fall, 0 <= k < rise. Thread: one, the control thread.
class Health {
 public:
  /// rules.fall and rules.rise are at least 1.
  void start_checks(HealthRules rules) noexcept;
  void stop_checks() noexcept;

  /// Takes one outcome in; only after start_checks().
  void on_check(CheckOutcome outcome) noexcept;

  [[nodiscard]] HealthStatus status() const noexcept { return status_; }

 private:
  void go_up() noexcept;
  void go_down() noexcept;

  HealthRules rules_;
  HealthStatus status_;
};

}  // namespace sluice::balance
