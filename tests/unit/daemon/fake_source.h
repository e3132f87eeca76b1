// An AdminSource with rows that a test sets, and the moment of its asynchronous answers as well.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/admin_source.h"

namespace sluice::daemon {

/// A small proxy: frontends web and mail, backends shop (app1, app2 and the passive spare) and post
/// (mx1), two workers, three sessions, generations 8 and 7 alive.
class FakeSource : public AdminSource {
 public:
  FakeSource();

  [[nodiscard]] Status status() override { return metrics_.status; }
  [[nodiscard]] std::vector<FrontendRow> frontends() override { return metrics_.status.frontends; }
  [[nodiscard]] std::vector<BackendRow> backends() override { return metrics_.status.backends; }
  [[nodiscard]] std::vector<ServerRow> servers(std::string_view backend) override;
  [[nodiscard]] std::vector<ReasonRow> reasons() override { return metrics_.reasons; }
  [[nodiscard]] Metrics metrics() override { return metrics_; }
  [[nodiscard]] Health health() override { return health_; }
  void sessions(SessionFilter filter, SessionsCallback done) override;
  void reload(ReloadCallback done) override;
  void kill_session(std::uint64_t id, KillCallback done) override;
  void kill_server_sessions(std::string backend, std::string server, KillCallback done) override;

  [[nodiscard]] ServerOutcome change_server(const ServerCommand& command) override;

  /// Answers the calls that were held back, in their order.
  void release();

  Metrics metrics_;
  Health health_{true, "ok"};
  std::vector<SessionRow> sessions_;
  ReloadOutcome reload_;
  std::vector<ServerCommand> commands_;  ///< taken
  bool hold_ = false;                    ///< keep asynchronous answers until release()
  std::deque<std::function<void()>> held_;

 private:
  void answer(std::function<void()> call);
};

}  // namespace sluice::daemon
