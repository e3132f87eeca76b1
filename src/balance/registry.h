// Finds the live state of a backend or server by its name, or makes it.
//
// A state lives as long as somebody holds the shared_ptr given out here: each compiled table holds
// those of its servers, and so does the prober. A server that leaves the configuration is therefore
// remembered until the last session of the last table that knew it has ended; if it comes back
// before, its numbers go on. Control thread only, creation and destruction of the tables included.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "balance/persistence_table.h"
#include "balance/server.h"

namespace sluice::balance {

class ServerRegistry {
 public:
  /// `workers`: how many there are, for the life of the process.
  /// `watcher` may be null, else it outlives every state.
  explicit ServerRegistry(std::size_t workers, ServerWatcher* watcher = nullptr)
      : workers_(workers), watcher_(watcher) {}

  [[nodiscard]] std::shared_ptr<BackendState> backend(const std::string& name);

  /// The server's state also keeps that of its backend.
  [[nodiscard]] std::shared_ptr<ServerState> server(const std::string& backend_name,
                                                    const std::string& server_name);

  /// What the backend's persistence remembers; where its size was another one, what there is room
  /// for. Error where there is no memory.
  [[nodiscard]] Result<std::shared_ptr<PersistenceTable>> persistence(
      const std::string& backend_name, std::size_t entries);

  /// Drops the names whose state is gone; call it after a table has been freed.
  void prune();

  /// Names known, those whose state is gone but that were not pruned yet included.
  [[nodiscard]] std::size_t size() const noexcept { return servers_.size(); }

 private:
  std::size_t workers_;
  ServerWatcher* watcher_;
  std::map<std::string, std::weak_ptr<BackendState>> backends_;
  std::map<std::pair<std::string, std::string>, std::weak_ptr<ServerState>> servers_;
  /// Oldest first: the newest may belong to a table that never comes into force.
  std::map<std::string, std::vector<std::weak_ptr<PersistenceTable>>> persistence_;
};

}  // namespace sluice::balance
