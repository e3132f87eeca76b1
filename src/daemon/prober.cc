#include "daemon/prober.h"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <limits>
#include <utility>

#include "base/assert.h"

namespace sluice::daemon {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kSpreadPerServer{10};
constexpr std::chrono::milliseconds kShortestPause{100};
constexpr std::chrono::minutes kLateWarningPause{1};

/// FNV-1a with a final mix (SplitMix64), because names tend to differ in their last letter only.
std::uint64_t hash_of(std::string_view backend, std::string_view server) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const std::string_view part : {backend, std::string_view("/"), server}) {
    for (const char letter : part) {
      hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3;
    }
  }
  hash = (hash ^ hash >> 30) * 0xbf58476d1ce4e5b9;
  hash = (hash ^ hash >> 27) * 0x94d049bb133111eb;
  return hash ^ hash >> 31;
}

/// A duration of 0 means off, as everywhere in the configuration.
bool is_checked(const HealthCheckConfig& check) noexcept {
  return check.type != HealthCheckType::kNone && check.interval.count() > 0;
}

balance::HealthRules rules_of(const HealthCheckConfig& check) noexcept {
  constexpr std::uint32_t kMost = std::numeric_limits<std::uint16_t>::max();
  return {.fall = static_cast<std::uint16_t>(std::clamp(check.fall, 1U, kMost)),
          .rise = static_cast<std::uint16_t>(std::clamp(check.rise, 1U, kMost))};
}

}  // namespace

std::chrono::nanoseconds first_check_delay(std::string_view backend, std::string_view server,
                                           std::size_t count, std::chrono::milliseconds interval) {
  const std::chrono::nanoseconds window =
      std::min<std::chrono::nanoseconds>(interval, count * kSpreadPerServer);
  const double fraction = static_cast<double>(hash_of(backend, server) >> 11) * 0x1p-53;
  return std::chrono::nanoseconds(
      static_cast<std::int64_t>(fraction * static_cast<double>(window.count())));
}

std::chrono::milliseconds pause_after(const balance::HealthStatus& status,
                                      std::chrono::milliseconds interval) noexcept {
  return status.is_changing() ? std::min(interval, std::max(interval / 4, kShortestPause))
                              : interval;
}

/// One checked server. Handlers hold it weakly: it is gone as soon as the prober drops it.
class Prober::Probe : public std::enable_shared_from_this<Prober::Probe> {
 public:
  Probe(boost::asio::io_context& io, ProbeTarget target) : target_(std::move(target)), timer_(io) {}
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;
  ~Probe() {
    if (check_) check_->cancel();
  }

  [[nodiscard]] bool is_same(const ProbeTarget& other) const { return target_.plan == other.plan; }
  /// An equal plan, with what was read anew for it.
  void renew(CheckPlan plan) { target_.plan = std::move(plan); }
  [[nodiscard]] const HealthCheckConfig& check() const noexcept { return target_.plan.check; }
  [[nodiscard]] balance::ServerState& state() const noexcept { return *target_.state; }
  [[nodiscard]] bool is_in_flight() const noexcept { return check_ != nullptr; }
  [[nodiscard]] Clock::time_point due() const noexcept { return due_; }

  void wait_until(Clock::time_point due, std::function<void()> on_due) {
    due_ = due;
    timer_.expires_at(due);
    timer_.async_wait([on_due = std::move(on_due)](const boost::system::error_code& error) {
      if (!error) on_due();
    });
  }

  void start(boost::asio::io_context& io, HealthCheck::Done done) {
    check_ = HealthCheck::start(io, target_.plan, std::move(done));
  }
  void end() noexcept { check_.reset(); }

 private:
  ProbeTarget target_;
  boost::asio::steady_timer timer_;
  Clock::time_point due_;
  std::shared_ptr<HealthCheck> check_;  ///< while in flight
};

Prober::Prober(boost::asio::io_context& io, Options options, OnEvent on_event)
    : io_(io), options_(options), on_event_(std::move(on_event)) {
  SLUICE_ASSERT(options_.max_in_flight >= 1);
}

Prober::~Prober() = default;

void Prober::apply(std::vector<ProbeTarget> targets) {
  const auto now = Clock::now();
  auto before = std::exchange(probes_, {});
  std::vector<std::shared_ptr<Probe>> added;
  for (ProbeTarget& target : targets) {
    if (!is_checked(target.plan.check)) {
      target.state->stop_checks(now);
      continue;
    }
    const auto known = before.find(target.state.get());
    if (known != before.end() && known->second->is_same(target)) {
      known->second->renew(std::move(target.plan));
      probes_.insert(before.extract(known));
      continue;
    }
    target.state->start_checks(rules_of(target.plan.check), now);
    added.push_back(std::make_shared<Probe>(io_, std::move(target)));
    probes_[&added.back()->state()] = added.back();
  }
  for (const auto& [state, probe] : before) in_flight_ -= probe->is_in_flight() ? 1 : 0;
  before.clear();
  count_servers();
  for (const auto& probe : added) {
    const auto delay = first_check_delay(probe->state().backend().name(), probe->state().name(),
                                         added.size(), probe->check().interval);
    wait_until(*probe, now + delay);
  }
  begin_queued();
}

void Prober::count_servers() {
  tallies_.clear();
  for (const auto& [state, probe] : probes_) {
    Tally& tally = tallies_[&state->backend()];
    ++tally.servers;
    tally.up += state->health().is_healthy() ? 1 : 0;
  }
}

void Prober::wait_until(Probe& probe, Clock::time_point due) {
  probe.wait_until(due, [this, weak = probe.weak_from_this()] {
    if (const auto same = weak.lock()) begin_or_queue(same);
  });
}

void Prober::begin_or_queue(const std::shared_ptr<Probe>& probe) {
  if (in_flight_ < options_.max_in_flight) {
    begin(*probe);
  } else {
    queue_.push_back(probe);
  }
}

void Prober::begin(Probe& probe) {
  ++in_flight_;
  probe.start(io_, [this, weak = probe.weak_from_this()](const CheckResult& result) {
    if (const auto same = weak.lock()) on_result(*same, result);
  });
}

void Prober::begin_queued() {
  while (in_flight_ < options_.max_in_flight && !queue_.empty()) {
    const auto probe = queue_.front().lock();
    queue_.pop_front();
    if (!probe) continue;
    warn_if_late(*probe);
    begin(*probe);
  }
}

void Prober::on_result(Probe& probe, const CheckResult& result) {
  const auto now = Clock::now();
  balance::ServerState& state = probe.state();
  const bool was_up = state.health().is_healthy();
  switch (result.verdict) {
    case CheckVerdict::kAnswered:
      state.on_check(balance::CheckOutcome::kSuccess, result.text, now);
      break;
    case CheckVerdict::kFailed:
      state.on_check(balance::CheckOutcome::kFailure, result.text, now);
      break;
    case CheckVerdict::kNotMade:
      state.note_check(result.text);
      break;
  }
  probe.end();
  --in_flight_;
  ++finished_;
  wait_until(probe,
             std::max(probe.due() + pause_after(state.health(), probe.check().interval), now));
  begin_queued();
  if (state.health().is_healthy() != was_up) report(state, result.text);
}

void Prober::report(const balance::ServerState& state, const std::string& reason) {
  const bool is_up = state.health().is_healthy();
  Tally& tally = tallies_[&state.backend()];
  tally.up = is_up ? tally.up + 1 : tally.up - 1;
  on_event_(is_up ? LogLevel::kInfo : LogLevel::kWarn,
            "server " + state.backend().name() + "/" + state.name() +
                (is_up ? " is UP: " : " is DOWN: ") + reason + " (" + std::to_string(tally.up) +
                " of " + std::to_string(tally.servers) + " up)");
}

void Prober::warn_if_late(const Probe& probe) {
  const auto now = Clock::now();
  if (now - probe.due() < probe.check().interval || now < next_late_warning_) return;
  next_late_warning_ = now + kLateWarningPause;
  const auto late = std::chrono::duration_cast<std::chrono::seconds>(now - probe.due());
  on_event_(LogLevel::kWarn, "health checks are " + std::to_string(late.count()) +
                                 " s late: " + std::to_string(options_.max_in_flight) +
                                 " wait for an answer and " + std::to_string(queue_.size()) +
                                 " more are due; a shorter health_check.timeout or a "
                                 "longer health_check.interval helps");
}

}  // namespace sluice::daemon
