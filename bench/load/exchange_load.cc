#include "exchange_load.h"

#include <utility>

namespace sluice::bench {

ExchangeLoad::ExchangeLoad(const LoadOptions& options, Poller& poller)
    : options_(options), poller_(poller) {}

Result<void> ExchangeLoad::open() {
  Result<Connector> connector = Connector::create(options_);
  if (!connector) return tl::unexpected(connector.error());
  connector_.emplace(std::move(*connector));
  for (std::uint32_t number = 0; number < options_.connections; ++number) {
    Result<std::unique_ptr<Agent>> agent = make_agent(number);
    if (!agent) return tl::unexpected(agent.error());
    idle_.push_back(agent->get());
    agents_.push_back(std::move(*agent));
  }
  return {};
}

Result<std::unique_ptr<Agent>> ExchangeLoad::make_agent(std::uint32_t number) {
  const AgentContext context{poller_, *this, tally_, options_.shape, *connector_};
  const Route route = connector_->route(number);
  if (options_.mode == Mode::kShort) return std::make_unique<ShortAgent>(context, route);
  auto agent = std::make_unique<KeptAgent>(context);
  const Result<void> opened = agent->open(route);
  if (!opened) return tl::unexpected(opened.error());
  return agent;
}

void ExchangeLoad::start(Pace pace, Time begin, Time end) {
  tally_ = Tally{};
  pace_ = pace;
  is_running_ = true;
  begin_ = begin;
  end_ = end;
  begun_ = 0;
  if (pace == Pace::kByClock) {
    tick(begin);
    return;
  }
  launch_all(begin);
}

void ExchangeLoad::launch_all(Time time) {
  for (Agent* agent : std::exchange(idle_, {})) launch(*agent, time);
}

void ExchangeLoad::tick(Time time) {
  if (!is_running_ || pace_ != Pace::kByClock) return;
  while (!idle_.empty() && is_due(time)) {
    Agent* agent = idle_.front();
    idle_.pop_front();
    launch(*agent, intended_time(begun_));
  }
}

Time ExchangeLoad::next_due() const {
  const bool has_work = is_running_ && pace_ == Pace::kByClock && !idle_.empty();
  return has_work ? intended_time(begun_) : Time::max();
}

void ExchangeLoad::stop(Time time) {
  is_running_ = false;
  if (pace_ != Pace::kByClock) return;
  for (; is_due(time); ++begun_) {
    ++tally_.missed;
    tally_.latency.record(to_nanoseconds(time - intended_time(begun_)));
  }
}

void ExchangeLoad::launch(Agent& agent, Time intended) {
  ++begun_;
  ++outstanding_;
  agent.begin(intended);
}

void ExchangeLoad::on_finished(Agent& agent) {
  --outstanding_;
  if (is_running_ && pace_ == Pace::kNonStop) {
    launch(agent, now());
    return;
  }
  idle_.push_back(&agent);
  if (is_running_ && pace_ == Pace::kBursts && outstanding_ == 0) launch_all(now());
  tick(now());
}

void ExchangeLoad::on_lost(Agent&) {
  --outstanding_;
}

bool ExchangeLoad::is_due(Time time) const {
  const Time intended = intended_time(begun_);
  return intended <= time && intended < end_;
}

Time ExchangeLoad::intended_time(std::uint64_t unit) const {
  const double seconds = static_cast<double>(unit) / options_.rate_per_second;
  return begin_ + std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

}  // namespace sluice::bench
