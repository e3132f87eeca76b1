#include "balance/registry.h"

#include <algorithm>

namespace sluice::balance {
namespace {

/// A server's state together with what it refers to.
struct Holder {
  Holder(std::shared_ptr<BackendState> of, const std::string& name)
      : backend(std::move(of)), server(*backend, name) {}

  std::shared_ptr<BackendState> backend;
  ServerState server;
};

}  // namespace

std::shared_ptr<BackendState> ServerRegistry::backend(const std::string& name) {
  std::weak_ptr<BackendState>& known = backends_[name];
  auto state = known.lock();
  if (!state) {
    state = std::make_shared<BackendState>(name, workers_, watcher_);
    known = state;
  }
  return state;
}

std::shared_ptr<ServerState> ServerRegistry::server(const std::string& backend_name,
                                                    const std::string& server_name) {
  std::weak_ptr<ServerState>& known = servers_[{backend_name, server_name}];
  auto state = known.lock();
  if (!state) {
    auto holder = std::make_shared<Holder>(backend(backend_name), server_name);
    state = std::shared_ptr<ServerState>(holder, &holder->server);
    known = state;
  }
  return state;
}

Result<std::shared_ptr<PersistenceTable>> ServerRegistry::persistence(
    const std::string& backend_name, std::size_t entries) {
  auto& known = persistence_[backend_name];
  std::erase_if(known, [](const auto& each) { return each.expired(); });
  const auto newest = known.empty() ? nullptr : known.back().lock();
  if (newest && newest->is_for(entries)) return newest;
  auto made = PersistenceTable::create(entries);
  if (!made) return tl::unexpected(made.error());
  std::shared_ptr<PersistenceTable> table = std::move(*made);
  if (newest) table->copy_from(*newest);
  known.push_back(table);
  return table;
}

void ServerRegistry::prune() {
  std::erase_if(persistence_, [](const auto& entry) {
    return std::all_of(entry.second.begin(), entry.second.end(),
                       [](const auto& each) { return each.expired(); });
  });
  std::erase_if(servers_, [](const auto& entry) { return entry.second.expired(); });
  std::erase_if(backends_, [](const auto& entry) { return entry.second.expired(); });
}

}  // namespace sluice::balance
