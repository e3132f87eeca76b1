// One compiled configuration: where a connection that arrives now goes. Immutable once published.
//
//   config -> compile() -> published to every worker -> replaced -> last session ends -> freed
//
// The control thread makes and frees tables. A worker reads the one that was published to it last;
// a session keeps the one that it began with (table_pins.h). Live state (counters, health, current
// sessions, round-robin places) is not in the table: it lives in objects found by name, which the
// table keeps alive and refers to.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "balance/backend.h"
#include "balance/registry.h"
#include "base/clock.h"
#include "proxy/frontend_state.h"
#include "sluice/address.h"
#include "sluice/config.h"
#include "sys/socket.h"

namespace sluice::proxy {

/// A backend as sessions use it.
struct BackendRoute {
  BackendRoute(balance::Backend balance_in) : balance(std::move(balance_in)) {}

  std::string policy;  ///< its configured name
  balance::Backend balance;
  std::vector<Endpoint> addresses;  ///< by the index of the candidate
  base::milliseconds connect_timeout{0};
  base::milliseconds idle_timeout{0};
  base::milliseconds half_closed_timeout{0};
  std::uint32_t retries = 0;
  sys::Keepalive keepalive = sys::Keepalive::kOn;
};

/// A frontend as its listeners use it.
struct FrontendRoute {
  FrontendState* state = nullptr;
  BackendRoute* backend = nullptr;
  std::vector<std::string> listen;  ///< addresses as written, the names of its listeners
};

/// Finds live state by name, or makes it. Control thread.
class StateRegistry {
 public:
  explicit StateRegistry(std::size_t workers) : workers_(workers), servers_(workers) {}

  [[nodiscard]] std::shared_ptr<FrontendState> frontend(const std::string& name);
  [[nodiscard]] balance::ServerRegistry& servers() noexcept { return servers_; }
  [[nodiscard]] std::size_t workers() const noexcept { return workers_; }

  /// Forgets names whose state is gone.
  void prune();

 private:
  std::size_t workers_;
  balance::ServerRegistry servers_;
  std::map<std::string, std::weak_ptr<FrontendState>> frontends_;
};

class RouteTable {
 public:
  /// Compiles a valid configuration. Error only for what config::load() cannot know. Control
  /// thread.
  [[nodiscard]] static Result<std::unique_ptr<RouteTable>> compile(const Config& config,
                                                                   std::uint64_t generation,
                                                                   StateRegistry& registry);
  RouteTable(const RouteTable&) = delete;
  RouteTable& operator=(const RouteTable&) = delete;

  [[nodiscard]] std::uint64_t generation() const noexcept { return generation_; }
  [[nodiscard]] std::vector<std::unique_ptr<FrontendRoute>>& frontends() noexcept {
    return frontends_;
  }
  [[nodiscard]] std::vector<std::unique_ptr<BackendRoute>>& backends() noexcept {
    return backends_;
  }
  /// Null where no frontend listens on an address written like this.
  [[nodiscard]] FrontendRoute* find_listener(const std::string& listen) noexcept;

  /// Sessions that began with this table and still run; workers add and take away, the control
  /// thread reads.
  [[nodiscard]] std::atomic<std::uint64_t>& sessions() noexcept { return sessions_; }

  [[nodiscard]] base::TimePoint made_at() const noexcept { return made_at_; }

 private:
  explicit RouteTable(std::uint64_t generation) : generation_(generation) {}
  Result<void> add_backend(const BackendConfig& config, StateRegistry& registry);
  void add_frontend(const FrontendConfig& config, StateRegistry& registry);

  std::uint64_t generation_;
  base::TimePoint made_at_ = base::Clock::now();
  std::vector<std::unique_ptr<FrontendRoute>> frontends_;
  std::vector<std::unique_ptr<BackendRoute>> backends_;
  std::map<std::string, BackendRoute*> backends_by_name_;
  std::map<std::string, FrontendRoute*> listeners_;
  std::vector<std::shared_ptr<void>> states_;  ///< keeps the live state alive; never used otherwise
  std::atomic<std::uint64_t> sessions_{0};
};

}  // namespace sluice::proxy
