// The two kinds of client in an ExchangeLoad: one keeps its connection, one opens a new one for
// each exchange.
#pragma once

#include <optional>

#include "exchange.h"
#include "poller.h"

namespace sluice::bench {

class Agent;

/// Hears when an agent is free again.
class AgentOwner {
 public:
  virtual void on_finished(Agent& agent) = 0;
  /// The agent cannot do anything more.
  virtual void on_lost(Agent& agent) = 0;

 protected:
  ~AgentOwner() = default;
};

/// What the agents of one load share; outlives them.
struct AgentContext {
  Poller& poller;
  AgentOwner& owner;
  Tally& tally;
  const ExchangeShape& shape;
};

/// Does one exchange at a time. Latency counts from the *intended* time, which in an open loop may
/// lie before the exchange could begin: a slow answer then costs all that waited behind it.
class Agent : public Pollable {
 public:
  virtual ~Agent() = default;
  virtual void begin(Time intended) = 0;

 protected:
  explicit Agent(const AgentContext& context)
      : context_(context), exchange_(context.shape, context.tally) {}

  void record_latency() {
    context_.tally.latency.record(to_nanoseconds(now() - intended_));
    ++context_.tally.units;
  }

  AgentContext context_;
  Exchange exchange_;
  Fd fd_;
  Time intended_{};
};

/// Keeps one connection for all its exchanges; lost when that connection fails.
class KeptAgent final : public Agent {
 public:
  KeptAgent(const AgentContext& context, Fd fd);
  void begin(Time intended) override;
  void on_events(std::uint32_t events) override;

 private:
  void settle(Progress progress);

  bool is_busy_ = false;
};

/// Connects, exchanges and closes, each time anew. A failed exchange is counted and over.
class ShortAgent final : public Agent {
 public:
  ShortAgent(const AgentContext& context, const Endpoint& target,
             const std::optional<Endpoint>& source)
      : Agent(context), target_(target), source_(source) {}
  void begin(Time intended) override;
  void on_events(std::uint32_t events) override;

 private:
  [[nodiscard]] Progress begin_exchange(std::uint32_t events);

  Endpoint target_;
  std::optional<Endpoint> source_;
  bool is_connecting_ = false;
};

}  // namespace sluice::bench
