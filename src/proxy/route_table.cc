#include "proxy/route_table.h"

#include <utility>

#include "balance/policy.h"

namespace sluice::proxy {
namespace {

const char* policy_name(BalancePolicy policy) noexcept {
  switch (policy) {
    case BalancePolicy::kRoundRobin:
      return "round_robin";
    case BalancePolicy::kLeastConnections:
      return "least_connections";
    case BalancePolicy::kRandom:
      return "random";
    case BalancePolicy::kSourceHash:
      return "source_hash";
    case BalancePolicy::kFirst:
      return "first";
  }
  return "round_robin";
}

balance::BackendRules rules_of(const BackendConfig& config) noexcept {
  return {config.all_down == AllDown::kTryAnyway ? balance::WhenAllDown::kTryAnyway
                                                 : balance::WhenAllDown::kReject,
          config.standby_min_active};
}

template <typename State>
void drop_expired(std::map<std::string, std::weak_ptr<State>>& states) {
  std::erase_if(states, [](const auto& entry) { return entry.second.expired(); });
}

}  // namespace

std::shared_ptr<FrontendState> StateRegistry::frontend(const std::string& name) {
  std::weak_ptr<FrontendState>& known = frontends_[name];
  auto state = known.lock();
  if (state == nullptr) known = state = std::make_shared<FrontendState>(name, workers_);
  return state;
}

void StateRegistry::prune() {
  servers_.prune();
  drop_expired(frontends_);
}

Result<std::unique_ptr<RouteTable>> RouteTable::compile(const Config& config,
                                                        std::uint64_t generation,
                                                        StateRegistry& registry) {
  std::unique_ptr<RouteTable> table(new RouteTable(generation));
  for (const BackendConfig& backend : config.backends) {
    if (auto added = table->add_backend(backend, registry); !added) {
      return tl::unexpected(added.error());
    }
  }
  for (const FrontendConfig& frontend : config.frontends) table->add_frontend(frontend, registry);
  return table;
}

Result<void> RouteTable::add_backend(const BackendConfig& config, StateRegistry& registry) {
  auto state = registry.servers().backend(config.name);
  std::vector<balance::Candidate> candidates;
  std::vector<Endpoint> addresses;
  for (const ServerConfig& server : config.servers) {
    auto address = Endpoint::from_ip(server.address, server.port);
    if (!address) return tl::unexpected(address.error());
    addresses.push_back(*address);
    auto live = registry.servers().server(config.name, server.name);
    candidates.push_back({live.get(), static_cast<std::uint16_t>(server.weight), server.passive,
                          server.max_connections});
    states_.push_back(std::move(live));
  }
  auto policy =
      balance::make_policy(policy_name(config.policy), {registry.workers(), config.servers.size()});
  if (!policy) return tl::unexpected(policy.error());
  auto route = std::make_unique<BackendRoute>(
      balance::Backend(*state, std::move(candidates), rules_of(config), std::move(*policy)));
  route->policy = policy_name(config.policy);
  route->addresses = std::move(addresses);
  route->connect_timeout = config.timeouts.connect;
  route->idle_timeout = config.timeouts.idle;
  route->half_closed_timeout = config.timeouts.half_closed;
  route->retries = config.retries;
  route->keepalive = config.keepalive ? sys::Keepalive::kOn : sys::Keepalive::kOff;
  states_.push_back(std::move(state));
  backends_by_name_[config.name] = route.get();
  backends_.push_back(std::move(route));
  return {};
}

void RouteTable::add_frontend(const FrontendConfig& config, StateRegistry& registry) {
  auto state = registry.frontend(config.name);
  auto route = std::make_unique<FrontendRoute>();
  route->state = state.get();
  route->backend = backends_by_name_.at(config.backend);
  for (const ListenAddress& address : config.listen) {
    route->listen.push_back(address.text);
    listeners_[address.text] = route.get();
  }
  states_.push_back(std::move(state));
  frontends_.push_back(std::move(route));
}

FrontendRoute* RouteTable::find_listener(const std::string& listen) noexcept {
  const auto found = listeners_.find(listen);
  return found == listeners_.end() ? nullptr : found->second;
}

}  // namespace sluice::proxy
