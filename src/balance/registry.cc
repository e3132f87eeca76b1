#include "balance/registry.h"

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

void ServerRegistry::prune() {
  std::erase_if(servers_, [](const auto& entry) { return entry.second.expired(); });
  std::erase_if(backends_, [](const auto& entry) { return entry.second.expired(); });
}

}  // namespace sluice::balance
