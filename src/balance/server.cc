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
  const HealthState before = health_.status().state;
  health_.start_checks(rules);
  publish_health(before, now);
}

void ServerState::stop_checks(Clock::time_point now) {
  const HealthState before = health_.status().state;
  health_.stop_checks();
  check_text_ = "-";
  publish_health(before, now);
}

void ServerState::on_check(CheckOutcome outcome, std::string text, Clock::time_point now) {
  const HealthState before = health_.status().state;
  health_.on_check(outcome);
  check_text_ = std::move(text);
  publish_health(before, now);
}

void ServerState::publish_health(HealthState before, Clock::time_point now) {
  const HealthStatus status = health_.status();
  health_word_.store(status.to_word(), std::memory_order_relaxed);
  if ((before == HealthState::kDown) == (status.state == HealthState::kDown)) return;
  last_change_ = now;
  // After the word: a worker that sees the new number must see the new health as well.
  backend_->changes_.fetch_add(1, std::memory_order_release);
  if (backend_->watcher_ == nullptr) return;
  backend_->watcher_->on_server_changed(*this);
  if (!status.is_up()) backend_->watcher_->on_server_down(*this);
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
