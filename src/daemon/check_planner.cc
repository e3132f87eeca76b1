#include "daemon/check_planner.h"

#include <algorithm>
#include <string>

#include "config/validate.h"

namespace sluice::daemon {
namespace {

std::string name_for(const BackendConfig& backend, const ServerConfig& server) {
  if (!backend.health_check.server_name.empty()) return backend.health_check.server_name;
  return server.server_name.empty() ? server.address : server.server_name;
}

/// A name as it is, an address with its port.
std::string host_for(const std::string& name, const Endpoint& address) {
  const auto ip = Endpoint::from_ip(name, address.port());
  return ip ? ip->to_string() : name;
}

}  // namespace

CheckPlanner::CheckPlanner(const Config& config)
    : config_(config), contexts_(config), reached_by_(config::frontends_of_backends(config)) {}

bool CheckPlanner::is_tls_server(std::size_t backend, const ServerConfig& server) const {
  if (server.tls || server.ssl_offload) return server.tls;
  const std::vector<std::size_t>& frontends = reached_by_[backend];
  return !frontends.empty() && std::all_of(frontends.begin(), frontends.end(), [&](std::size_t i) {
    return config_.frontends[i].tls.has_value();
  });
}

CheckPlan CheckPlanner::plan(std::size_t backend, const ServerConfig& server,
                             const Endpoint& address) {
  const BackendConfig& config = config_.backends[backend];
  CheckPlan plan;
  plan.check = config.health_check;
  plan.address = plan.check.port == 0 ? address : address.with_port(plan.check.port);
  const std::string name = name_for(config, server);
  const bool is_http = plan.check.type == HealthCheckType::kHttp;
  if (is_http) plan.host = host_for(name, plan.address);
  if (plan.check.type == HealthCheckType::kTls ||
      (is_http && plan.check.port == 0 && is_tls_server(backend, server))) {
    plan.tls = {contexts_.find(server), name, server.verify};
  }
  return plan;
}

}  // namespace sluice::daemon
