#include <boost/asio/post.hpp>

#include "daemon/check_planner.h"
#include "daemon/supervisor.h"

namespace sluice::daemon {

/// Before anything else runs on the control thread; signals that come meanwhile wait.
void Supervisor::wait_for_names() {
  bool is_done = false;
  names_.look_up(config_, [&is_done] { is_done = true; });
  while (!is_done) io_.run_one();
  io_.restart();
}

/// Of a table that config_ was compiled to.
void Supervisor::fill_addresses(proxy::RouteTable& table) const {
  for (std::size_t i = 0; i < config_.backends.size(); ++i) {
    const std::vector<ServerConfig>& servers = config_.backends[i].servers;
    for (std::size_t j = 0; j < servers.size(); ++j) {
      if (has_host_name(servers[j])) table.backends()[i]->addresses[j].set(names_.find(servers[j]));
    }
  }
}

void Supervisor::on_name_event(LogLevel level, const std::string& line) {
  log_.event(level, line);
  // Names tend to move together, and a configuration that is on its way fills in what it needs.
  if (engine_ == nullptr || engine_->table() == nullptr || is_moving_servers_) return;
  is_moving_servers_ = true;
  boost::asio::post(io_, [this] {
    is_moving_servers_ = false;
    if (!stopping_.empty()) return;
    fill_addresses(*engine_->table());
    check_servers();
  });
}

void Supervisor::check_servers() {
  CheckPlanner planner(config_);
  std::vector<ProbeTarget> targets;
  for (std::size_t index = 0; index < config_.backends.size(); ++index) {
    const BackendConfig& backend = config_.backends[index];
    for (const ServerConfig& server : backend.servers) {
      const Endpoint address = names_.find(server);
      targets.push_back({engine_->registry().servers().server(backend.name, server.name),
                         planner.plan(index, server, address)});
      if (!address.is_specified()) targets.back().plan.problem = names_.problem(server);
    }
  }
  prober_->apply(std::move(targets));
}

}  // namespace sluice::daemon
