#include "balance/health.h"

#include <algorithm>

#include "base/assert.h"

namespace sluice::balance {

std::uint64_t HealthStatus::to_word() const noexcept {
  return std::uint64_t{progress} | std::uint64_t{goal} << 16 |
         std::uint64_t{static_cast<std::uint8_t>(state)} << 32 |
         std::uint64_t{is_checked ? 1U : 0U} << 40 | std::uint64_t{is_ejected ? 1U : 0U} << 41;
}

HealthStatus HealthStatus::from_word(std::uint64_t word) noexcept {
  return {.state = static_cast<HealthState>(word >> 32 & 0xff),
          .is_checked = (word >> 40 & 1) != 0,
          .is_ejected = (word >> 41 & 1) != 0,
          .progress = static_cast<std::uint16_t>(word & 0xffff),
          .goal = static_cast<std::uint16_t>(word >> 16 & 0xffff)};
}

std::string to_string(const HealthStatus& status, Duty duty, Order order) {
  if (order == Order::kDrain) return "DRAIN";
  if (order == Order::kMaintenance) return "MAINT";
  if (status.is_ejected) return "DOWN";
  if (status.is_up() && duty == Duty::kStandby) return "STANDBY";
  if (status.state == HealthState::kNoCheck) return "NOCHECK";
  std::string text = status.is_up() ? "UP" : "DOWN";
  if (status.is_changing()) {
    text += ' ' + std::to_string(status.progress) + '/' + std::to_string(status.goal);
  }
  return text;
}

void Health::start_checks(HealthRules rules) noexcept {
  SLUICE_ASSERT(rules.fall >= 1);
  SLUICE_ASSERT(rules.rise >= 1);
  const bool was_full = status_.state == HealthState::kUp && status_.progress == status_.goal;
  rules_ = rules;
  switch (status_.state) {
    case HealthState::kNoCheck:
      status_ = {.state = HealthState::kUp, .is_checked = false, .progress = 1, .goal = rules.fall};
      break;
    case HealthState::kUp:
      // An unchecked server keeps its one life: with fall: 1 it only looked full.
      if (was_full && status_.is_checked) status_.progress = rules.fall;
      status_.progress = std::min(status_.progress, rules.fall);
      status_.goal = rules.fall;
      break;
    case HealthState::kDown:
      status_.progress = std::min<std::uint16_t>(status_.progress, rules.rise - 1);
      status_.goal = rules.rise;
      break;
  }
}

void Health::stop_checks() noexcept {
  status_ = {};
}

void Health::on_check(CheckOutcome outcome) noexcept {
  SLUICE_ASSERT(status_.state != HealthState::kNoCheck);
  status_.is_checked = true;
  const bool is_success = outcome == CheckOutcome::kSuccess;
  if (status_.state == HealthState::kUp) {
    if (is_success) {
      status_.progress = rules_.fall;
    } else if (--status_.progress == 0) {
      go_down();
    }
    return;
  }
  status_.progress = is_success ? static_cast<std::uint16_t>(status_.progress + 1) : 0;
  if (status_.progress == rules_.rise) go_up();
}

void Health::go_up() noexcept {
  status_.state = HealthState::kUp;
  status_.progress = rules_.fall;
  status_.goal = rules_.fall;
}

void Health::go_down() noexcept {
  status_.state = HealthState::kDown;
  status_.progress = 0;
  status_.goal = rules_.rise;
}

}  // namespace sluice::balance
