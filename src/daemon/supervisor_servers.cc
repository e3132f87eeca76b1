#include <algorithm>
#include <utility>

#include "daemon/session_line.h"
#include "daemon/supervisor.h"

namespace sluice::daemon {
namespace {

using std::chrono::milliseconds;

balance::Orders with(balance::Orders orders, const ServerCommand& command) {
  switch (command.action) {
    case ServerAction::kDrain:
      orders.order = balance::Order::kDrain;
      break;
    case ServerAction::kReady:
      orders.order = balance::Order::kReady;
      break;
    case ServerAction::kMaintenance:
      orders.order = balance::Order::kMaintenance;
      break;
    case ServerAction::kWeight:
      orders.weight = command.weight;
      break;
  }
  return orders;
}

std::string sessions_text(std::uint64_t count) {
  return std::to_string(count) + (count == 1 ? " session" : " sessions");
}

}  // namespace

ServerOutcome Supervisor::change_server(const ServerCommand& command) {
  const auto server = engine_->registry().servers().server(command.backend, command.server);
  server->set_orders(with(server->orders(), command), std::chrono::steady_clock::now());
  if (command.action == ServerAction::kWeight) rebuild_backend(command.backend);

  milliseconds timeout{0};
  if (command.action == ServerAction::kDrain) {
    timeout = command.timeout.value_or(drain_timeout_of(command.backend));
    keeper_->drain(server, timeout);
  } else if (command.action != ServerAction::kWeight) {
    keeper_->forgive(*server);
  }
  if (command.action == ServerAction::kReady) ejector_->forgive(*server);
  return describe_change(*server, timeout);
}

ServerOutcome Supervisor::describe_change(const balance::ServerState& server,
                                          milliseconds timeout) {
  const auto rows = servers(server.backend().name());
  const auto row = std::find_if(rows.begin(), rows.end(), [&](const ServerRow& each) {
    return each.server == server.name();
  });
  ServerOutcome outcome;
  outcome.backend = server.backend().name();
  outcome.server = server.name();
  if (row == rows.end()) return outcome;
  outcome.state = row->state;
  outcome.weight = row->weight;
  outcome.current = row->current;
  outcome.until = "the next reload";
  outcome.summary = outcome.backend + '/' + outcome.server + ": " + outcome.state + ", weight " +
                    std::to_string(outcome.weight) + ", " + sessions_text(outcome.current);
  if (timeout > milliseconds(0)) {
    outcome.summary += ", the rest is closed after " + short_duration(timeout);
  }
  outcome.summary += "; until the next reload";
  log_.info("server " + outcome.summary);
  return outcome;
}

void Supervisor::rebuild_backend(const std::string& name) {
  for (proxy::RouteTable* table : engine_->living_tables()) {
    for (const auto& backend : table->backends()) {
      if (backend->balance.state().name() == name) backend->balance.rebuild();
    }
  }
}

milliseconds Supervisor::drain_timeout_of(const std::string& backend) const {
  const BackendConfig* config = find_backend(backend);
  return config == nullptr ? milliseconds(0) : config->drain_timeout;
}

const BackendConfig* Supervisor::find_backend(const std::string& name) const {
  const auto found = std::find_if(config_.backends.begin(), config_.backends.end(),
                                  [&](const BackendConfig& each) { return each.name == name; });
  return found == config_.backends.end() ? nullptr : &*found;
}

/// A part a second, so that a large memory takes a minute and no time of anybody's.
void Supervisor::forget_expired_clients() {
  constexpr std::size_t kFewest = 65'536;
  constexpr std::size_t kParts = 60;
  if (engine_->table() == nullptr) return;
  for (const auto& backend : engine_->table()->backends()) {
    const balance::Persistence& persistence = backend->balance.persistence();
    if (!persistence.is_on()) continue;
    balance::PersistenceTable& table = *persistence.table();
    table.sweep(persistence.freshness(base::Clock::now()),
                std::max(kFewest, table.capacity() / kParts));
  }
}

std::shared_ptr<balance::ServerState> Supervisor::find_server(const std::string& backend,
                                                              const std::string& server) {
  const BackendConfig* config = find_backend(backend);
  const bool is_known = config != nullptr &&
                        std::any_of(config->servers.begin(), config->servers.end(),
                                    [&](const ServerConfig& each) { return each.name == server; });
  return is_known ? engine_->registry().servers().server(backend, server) : nullptr;
}

void Supervisor::on_server_failing(balance::ServerState& server,
                                   const balance::Streak& streak) noexcept {
  boost::asio::post(io_, [this, backend = server.backend().name(), name = server.name(), streak] {
    const auto found = find_server(backend, name);
    if (found != nullptr) ejector_->on_failing(found, streak, *find_backend(backend));
  });
}

void Supervisor::on_server_serving(balance::ServerState& server) noexcept {
  boost::asio::post(io_, [this, backend = server.backend().name(), name = server.name()] {
    const auto found = find_server(backend, name);
    if (found != nullptr) ejector_->on_serving(*found);
  });
}

void Supervisor::on_server_changed(balance::ServerState& /*server*/) {
  engine_->review_waiting();
}

void Supervisor::on_server_down(balance::ServerState& server) {
  const BackendConfig* config = find_backend(server.backend().name());
  if (config == nullptr || config->on_server_down == OnServerDown::kKeep) return;
  keeper_->close(server, CloseReason::kServerDown,
                 [this, name = config->name + '/' + server.name()](std::uint64_t closed) {
                   log_.warn("server " + name + " is DOWN: closed " + sessions_text(closed));
                 });
}

}  // namespace sluice::daemon
