// The two kinds of client in an ExchangeLoad: one keeps its connection, one opens a new one for
// each exchange.
#pragma once

#include <memory>

#include "connector.h"
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
  const Connector& connector;
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
  std::unique_ptr<Channel> channel_;  ///< none: not connected, or not any more
  TlsMemory memory_;
  Time intended_{};
};

/// Keeps one connection for all its exchanges; lost when that connection fails.
class KeptAgent final : public Agent {
 public:
  explicit KeptAgent(const AgentContext& context) : Agent(context) {}
  [[nodiscard]] Result<void> open(const Route& route);
  void begin(Time intended) override;
  void on_events(std::uint32_t events) override;

 private:
  void settle(Progress progress);

  bool is_busy_ = false;
};

/// Connects, exchanges and closes, each time anew. A failed exchange is counted and over.
class ShortAgent final : public Agent {
 public:
  ShortAgent(const AgentContext& context, const Route& route) : Agent(context), route_(route) {}
  void begin(Time intended) override;
  void on_events(std::uint32_t events) override;

 private:
  enum class State { kConnecting, kShakingHands, kExchanging };

  [[nodiscard]] Progress advance(std::uint32_t events);
  [[nodiscard]] Progress end_connect(std::uint32_t events);
  [[nodiscard]] Progress begin_exchange();

  Route route_;
  Fd fd_;  ///< until it is connected and the channel's
  State state_ = State::kConnecting;
};

}  // namespace sluice::bench
