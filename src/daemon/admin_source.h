// What the admin interface asks the running proxy: the seam between the HTTP server of admin.h and
// whoever holds the workers and the configuration.
//
// Every call comes on the control thread and is answered there. What the control thread knows by
// itself is returned at once; what the workers or a reload must answer comes through a callback,
// exactly once, on the control thread, from within the call or later. A callback may be invoked
// after the AdminServer that passed it is gone: it then does nothing.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/stats.h"

namespace sluice::daemon {

/// Which sessions a listing wants. The names exist: the caller has checked them.
struct SessionFilter {
  std::string backend;    ///< empty = of every backend
  std::string server;     ///< empty = of every server; else `backend` is not empty either
  std::size_t limit = 0;  ///< rows at most
};

struct SessionList {
  std::vector<SessionRow> rows;
  std::uint64_t total = 0;  ///< how many match the filter, whether or not they are in `rows`
};

using SessionsCallback = std::function<void(SessionList)>;
using ReloadCallback = std::function<void(ReloadOutcome)>;
using KillCallback = std::function<void(KillOutcome)>;

enum class ServerAction : std::uint8_t { kDrain, kReady, kMaintenance, kWeight };

/// What is to become of a server, which exists, until the next reload.
struct ServerCommand {
  std::string backend;
  std::string server;
  ServerAction action = ServerAction::kReady;
  std::optional<std::chrono::milliseconds> timeout;  ///< kDrain: instead of the file's; 0 = never
  std::uint16_t weight = 0;                          ///< kWeight
};

class AdminSource {
 public:
  AdminSource() = default;
  AdminSource(const AdminSource&) = delete;
  AdminSource& operator=(const AdminSource&) = delete;
  virtual ~AdminSource() = default;

  [[nodiscard]] virtual Status status() = 0;
  [[nodiscard]] virtual std::vector<FrontendRow> frontends() = 0;
  [[nodiscard]] virtual std::vector<BackendRow> backends() = 0;

  /// The rows of one backend, or of all where `backend` is empty. No rows for an unknown one.
  [[nodiscard]] virtual std::vector<ServerRow> servers(std::string_view backend) = 0;

  [[nodiscard]] virtual std::vector<ReasonRow> reasons() = 0;
  [[nodiscard]] virtual Metrics metrics() = 0;
  [[nodiscard]] virtual Health health() = 0;

  /// Live sessions, gathered from every worker. The order is the source's (oldest first reads
  /// best).
  virtual void sessions(SessionFilter filter, SessionsCallback done) = 0;

  /// Reads the configuration again, as SIGHUP does. Called while a reload is running, it starts
  /// another one after it: each caller gets the outcome of a reload that began after it asked.
  virtual void reload(ReloadCallback done) = 0;

  /// Ends one session with reason `killed`; `killed` of the outcome is 0 where no such session
  /// lives.
  virtual void kill_session(std::uint64_t id, KillCallback done) = 0;

  /// Ends every session of one server, which exists, with reason `killed`.
  virtual void kill_server_sessions(std::string backend, std::string server, KillCallback done) = 0;

  [[nodiscard]] virtual ServerOutcome change_server(const ServerCommand& command) = 0;
};

}  // namespace sluice::daemon
