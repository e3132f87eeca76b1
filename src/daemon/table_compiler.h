// Turns a valid configuration into a table that workers can go by.
//
// Live state is found by name or made (StateRegistry), so that counters, health and current
// sessions go on from one table to the next. Control thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "balance/registry.h"
#include "daemon/cookie_compiler.h"
#include "proxy/route_table.h"
#include "sluice/config.h"
#include "sluice/error.h"
#include "tls/ticket_keys.h"

namespace sluice::daemon {

class StateRegistry {
 public:
  explicit StateRegistry(std::size_t workers, balance::ServerWatcher* watcher = nullptr)
      : workers_(workers), servers_(workers, watcher), ticket_keys_(base::Clock::now()) {}

  [[nodiscard]] std::shared_ptr<proxy::FrontendState> frontend(const std::string& name);
  [[nodiscard]] balance::ServerRegistry& servers() noexcept { return servers_; }
  [[nodiscard]] std::size_t workers() const noexcept { return workers_; }
  /// Those of the process, as they are now: clients resume across reloads.
  [[nodiscard]] const tls::TicketKeys& ticket_keys() noexcept {
    ticket_keys_.advance(base::Clock::now());
    return ticket_keys_;
  }

  [[nodiscard]] const OwnCookieKey& cookie_key() const noexcept { return cookie_key_; }

  /// Forgets names whose state is gone.
  void prune();

 private:
  std::size_t workers_;
  balance::ServerRegistry servers_;
  std::map<std::string, std::weak_ptr<proxy::FrontendState>> frontends_;
  tls::TicketKeys ticket_keys_;
  OwnCookieKey cookie_key_;
};

/// A table and the live state that it refers to, which lives at least as long.
struct CompiledTable {
  std::vector<std::shared_ptr<void>> states;
  std::unique_ptr<proxy::RouteTable> table;
};

/// Error only for what config::load() cannot know.
[[nodiscard]] Result<CompiledTable> compile(const Config& config, std::uint64_t generation,
                                            StateRegistry& registry);

}  // namespace sluice::daemon
