#include "balance/server.h"

#include <utility>

namespace sluice::balance {

bool ServerState::take(std::uint32_t worker, std::uint64_t ticket) noexcept {
  const std::uint32_t most = limit();
  if (most == 0) {
    session_began(worker);
    return true;
  }
  if (line_.is_ahead_of(ticket) || !sessions_.up_below(most)) return false;
  backend_->sessions_.up();
  slots_[worker].traffic.total.add(1);
  return true;
}

void ServerState::start_checks(HealthRules rules, Clock::time_point now) {
  const HealthStatus before = known_health();
  health_.start_checks(rules);
  publish_health(before, now);
}

void ServerState::stop_checks(Clock::time_point now) {
  const HealthStatus before = known_health();
  health_.stop_checks();
  check_text_ = "-";
  publish_health(before, now);
}

void ServerState::on_check(CheckOutcome outcome, std::string text, Clock::time_point now) {
  const HealthStatus before = known_health();
  health_.on_check(outcome);
  check_text_ = std::move(text);
  publish_health(before, now);
  look_for_recovery(outcome);
}

void ServerState::eject(std::string text, Clock::time_point now) {
  const HealthStatus before = known_health();
  ejection_text_ = std::move(text);
  has_failed_checks_ = false;
  ++ejections_;
  publish_health(before, now);
}

void ServerState::readmit(Clock::time_point now) {
  const HealthStatus before = known_health();
  ejection_text_.clear();
  streak_.clear();
  publish_health(before, now);
}

/// Checks that succeed all the while do not see what the sessions see, and say nothing.
void ServerState::look_for_recovery(CheckOutcome outcome) noexcept {
  const HealthStatus status = known_health();
  if (!status.is_ejected) return;
  has_failed_checks_ |= outcome == CheckOutcome::kFailure;
  const bool is_well = status.is_healthy() && !status.is_changing();
  if (is_well && has_failed_checks_ && backend_->watcher_ != nullptr) {
    backend_->watcher_->on_server_serving(*this);
  }
}

HealthStatus ServerState::known_health() const noexcept {
  HealthStatus status = health_.status();
  status.is_ejected = !ejection_text_.empty();
  return status;
}

void ServerState::publish_health(const HealthStatus& before, Clock::time_point now) {
  const HealthStatus status = known_health();
  health_word_.store(status.to_word(), std::memory_order_relaxed);
  const bool has_fallen = before.is_healthy() && !status.is_healthy();
  if (before.is_healthy() == status.is_healthy() && before.is_ejected == status.is_ejected) return;
  last_change_ = now;
  // After the word: a worker that sees the new number must see the new health as well.
  backend_->changes_.fetch_add(1, std::memory_order_release);
  if (backend_->watcher_ == nullptr) return;
  backend_->watcher_->on_server_changed(*this);
  if (has_fallen) backend_->watcher_->on_server_down(*this);
}

void ServerState::note_failure(const OutlierRules& rules, base::TimePoint now) noexcept {
  const auto streak = streak_.fail(rules, now);
  if (streak && backend_->watcher_ != nullptr)
    backend_->watcher_->on_server_failing(*this, *streak);
}

void ServerState::note_success() noexcept {
  const bool was_told = streak_.succeed();
  if (was_told && backend_->watcher_ != nullptr) backend_->watcher_->on_server_serving(*this);
}

void ServerState::set_orders(Orders orders, Clock::time_point now) {
  const Orders before = this->orders();
  if (before == orders) return;
  if (before.order != orders.order) last_change_ = now;
  orders_word_.store(orders.to_word(), std::memory_order_relaxed);
  backend_->changes_.fetch_add(1, std::memory_order_release);
  if (backend_->watcher_ != nullptr) backend_->watcher_->on_server_changed(*this);
}

}  // namespace sluice::balance
