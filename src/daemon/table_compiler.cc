#include "daemon/table_compiler.h"

#include <string_view>
#include <unordered_map>
#include <utility>

#include "balance/policy.h"
#include "daemon/listener_set.h"
#include "daemon/stage_compiler.h"
#include "daemon/tls_compiler.h"
#include "proxy/http_head_stage.h"

namespace sluice::daemon {
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

proxy::FrontendProtocol protocol_of(const FrontendConfig& config) noexcept {
  switch (config.protocol) {
    case Protocol::kTcp:
      return proxy::FrontendProtocol::kTcp;
    case Protocol::kUdp:
      return proxy::FrontendProtocol::kUdp;
    case Protocol::kHttp:
      return proxy::FrontendProtocol::kHttp;
  }
  return proxy::FrontendProtocol::kTcp;
}

Result<balance::BackendRules> rules_of(const BackendConfig& config, StateRegistry& registry,
                                       CompiledTable& out) {
  balance::BackendRules rules;
  if (config.all_down == AllDown::kTryAnyway) rules.all_down = balance::WhenAllDown::kTryAnyway;
  rules.standby_min_active = config.standby_min_active;
  const PersistenceKind kind = config.persistence.kind;
  if (kind != PersistenceKind::kSourceIp && kind != PersistenceKind::kTlsSession) return rules;
  auto table = registry.servers().persistence(config.name, config.persistence_entries);
  if (!table) return tl::unexpected(table.error());
  rules.persistence = {table->get(), config.persistence_expire,
                       kind == PersistenceKind::kSourceIp ? balance::PersistenceKey::kAddress
                                                          : balance::PersistenceKey::kTlsSession};
  out.states.push_back(std::move(*table));
  return rules;
}

Result<void> add_backend(const BackendConfig& config, StateRegistry& registry, TlsCompiler& tls,
                         CompiledTable& out) {
  auto state = registry.servers().backend(config.name);
  std::vector<balance::Candidate> candidates;
  std::vector<proxy::ServerAddress> addresses(config.servers.size());
  for (const ServerConfig& server : config.servers) {
    // A host name's address is filled in by who looks names up (daemon/address_book.h).
    if (const auto address = Endpoint::from_ip(server.address, server.port)) {
      addresses[candidates.size()].set(*address);
    }
    auto live = registry.servers().server(config.name, server.name);
    candidates.push_back({live.get(), static_cast<std::uint16_t>(server.weight), server.passive,
                          server.max_connections});
    out.states.push_back(std::move(live));
  }
  auto policy =
      balance::make_policy(policy_name(config.policy), {registry.workers(), config.servers.size()});
  if (!policy) return tl::unexpected(policy.error());
  const auto rules = rules_of(config, registry, out);
  if (!rules) return tl::unexpected(rules.error());
  auto route = std::make_unique<proxy::BackendRoute>(
      balance::Backend(*state, std::move(candidates), *rules, std::move(*policy)));
  route->policy = policy_name(config.policy);
  route->addresses = std::move(addresses);
  route->connect_timeout = config.timeouts.connect;
  route->idle_timeout = config.timeouts.idle;
  route->half_closed_timeout = config.timeouts.half_closed;
  route->queue_timeout = config.timeouts.queue;
  route->response_timeout = config.timeouts.response;
  route->queue_size = config.queue_size;
  route->retries = config.retries;
  route->outlier = {config.outlier.max_fails, config.outlier.window};
  route->keepalive = config.keepalive ? sys::Keepalive::kOn : sys::Keepalive::kOff;
  add_introductions(config, *route);
  if (auto added = tls.add_introductions(config, *route); !added) return added;
  auto cookies = make_cookies(config, registry.cookie_key());
  if (!cookies) return tl::unexpected(cookies.error());
  route->cookies = std::move(*cookies);
  route->udp = {
      config.udp.idle, config.udp.responses, config.udp.max_flows,
      config.udp.hash == UdpHash::kFlow ? proxy::FlowHash::kByFlow : proxy::FlowHash::kByAddress};
  out.states.push_back(std::move(state));
  out.table->add(std::move(route));
  return {};
}

using BackendsByName = std::unordered_map<std::string_view, proxy::BackendRoute*>;

BackendsByName backends_by_name(const proxy::RouteTable& table) {
  BackendsByName names;
  for (const auto& backend : table.backends()) {
    names.emplace(backend->balance.state().name(), backend.get());
  }
  return names;
}

void add_routes(const FrontendConfig& config, const BackendsByName& backends,
                proxy::FrontendRoute& out) {
  for (const RouteConfig& route : config.routes) {
    out.names.add(route.sni, static_cast<std::uint32_t>(out.routes.size()));
    out.routes.push_back(backends.at(route.backend));
  }
  out.has_default = !config.backend.empty();
  out.backend = out.has_default ? backends.at(config.backend) : out.routes.front();
}

Result<void> add_frontend(const FrontendConfig& config, const BackendsByName& backends,
                          StateRegistry& registry, const TlsCompiler& tls, CompiledTable& out) {
  auto state = registry.frontend(config.name);
  auto route = std::make_unique<proxy::FrontendRoute>();
  route->state = state.get();
  route->max_sessions = config.max_connections;
  add_routes(config, backends, *route);
  route->protocol = protocol_of(config);
  route->forwarded = config.forwarded;
  for (const ListenAddress& listed : config.listen) {
    for (const ListenAddress& address : each_port(listed)) {
      route->listen.push_back(listener_name(config, address));
    }
  }
  if (auto added = add_greeting(config, *route); !added) return added;
  if (auto added = tls.add_greeting(config, *route); !added) return added;
  if (config.protocol == Protocol::kHttp) {
    route->greeting.push_back(std::make_unique<proxy::HttpHeadMaker>(config.timeouts.request_head));
  }
  out.states.push_back(std::move(state));
  out.table->add(std::move(route));
  return {};
}

}  // namespace

std::shared_ptr<proxy::FrontendState> StateRegistry::frontend(const std::string& name) {
  std::weak_ptr<proxy::FrontendState>& known = frontends_[name];
  auto state = known.lock();
  if (state == nullptr) known = state = std::make_shared<proxy::FrontendState>(name, workers_);
  return state;
}

void StateRegistry::prune() {
  servers_.prune();
  std::erase_if(frontends_, [](const auto& entry) { return entry.second.expired(); });
}

Result<CompiledTable> compile(const Config& config, std::uint64_t generation,
                              StateRegistry& registry) {
  auto tls = TlsCompiler::create(config, registry.ticket_keys(), registry.workers());
  if (!tls) return tl::unexpected(tls.error());
  CompiledTable compiled;
  compiled.table = std::make_unique<proxy::RouteTable>(generation);
  for (const BackendConfig& backend : config.backends) {
    if (auto added = add_backend(backend, registry, *tls, compiled); !added) {
      return tl::unexpected(added.error());
    }
  }
  const BackendsByName backends = backends_by_name(*compiled.table);
  for (const FrontendConfig& frontend : config.frontends) {
    if (auto added = add_frontend(frontend, backends, registry, *tls, compiled); !added) {
      return tl::unexpected(added.error());
    }
  }
  return compiled;
}

}  // namespace sluice::daemon
