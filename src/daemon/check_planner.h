// From the configuration to what the check of one server does. Control thread.
#pragma once

#include <cstddef>
#include <vector>

#include "daemon/check_tls.h"
#include "daemon/health_check.h"
#include "sluice/config.h"

namespace sluice::daemon {

class CheckPlanner {
 public:
  /// `config` outlives it.
  explicit CheckPlanner(const Config& config);

  /// The check of a server of `config.backends[backend]` that is at `address`. `type: tls` always
  /// speaks TLS; `http` does where every session to the server does (contract, section 3:
  /// reencrypt, originate) and the check has no port of its own.
  [[nodiscard]] CheckPlan plan(std::size_t backend, const ServerConfig& server,
                               const Endpoint& address);

 private:
  [[nodiscard]] bool is_tls_server(std::size_t backend, const ServerConfig& server) const;

  const Config& config_;
  CheckContexts contexts_;
  std::vector<std::vector<std::size_t>> reached_by_;  ///< frontends by backend
};

}  // namespace sluice::daemon
