// Echo and short connections: a set of agents that do exchanges at the pace of the run.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "agent.h"
#include "options.h"
#include "workload.h"

namespace sluice::bench {

/// Open loop: unit number n is intended for start + n / rate and goes to the agent that has been
/// free the longest. Where none is free it waits, and its latency counts from the intended time:
/// no coordinated omission.
class ExchangeLoad final : public Workload, private AgentOwner {
 public:
  ExchangeLoad(const LoadOptions& options, Poller& poller);

  [[nodiscard]] Result<void> open() override;
  void start(Pace pace, Time begin, Time end) override;
  void tick(Time time) override;
  [[nodiscard]] Time next_due() const override;
  void stop(Time time) override;
  [[nodiscard]] bool is_quiet() const override { return outstanding_ == 0; }
  [[nodiscard]] std::uint64_t outstanding() const override { return outstanding_; }
  [[nodiscard]] Tally& tally() override { return tally_; }

 private:
  void on_finished(Agent& agent) override;
  void on_lost(Agent& agent) override;

  void launch(Agent& agent, Time intended);
  void launch_all(Time time);
  [[nodiscard]] Result<std::unique_ptr<Agent>> make_agent(std::uint32_t number);
  [[nodiscard]] Time intended_time(std::uint64_t unit) const;
  [[nodiscard]] bool is_due(Time time) const;

  const LoadOptions& options_;
  Poller& poller_;
  std::optional<Connector> connector_;  ///< since `open`
  Tally tally_;
  std::vector<std::unique_ptr<Agent>> agents_;
  std::deque<Agent*> idle_;  ///< the one that has been free the longest first
  Pace pace_ = Pace::kOnce;
  bool is_running_ = false;
  Time begin_{};
  Time end_{};
  std::uint64_t begun_ = 0;  ///< units of the run that have begun
  std::uint64_t outstanding_ = 0;
};

}  // namespace sluice::bench
