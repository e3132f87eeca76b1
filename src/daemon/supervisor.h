// The life of the process, on the control thread: start, reload, stop.
//
//   starting --> serving <--> reloading        serving --> stopping --> stopped
//
// It owns what surrounds the data plane: the configuration in force, the admin interface, health
// checks, signals and the log. A reload reads, checks, binds and compiles before anything changes;
// then the workers swap, and its caller hears of it when the last one has. Reloads that are asked
// for while one runs are answered by one that begins after it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/load.h"
#include "daemon/address_book.h"
#include "daemon/admin.h"
#include "daemon/admin_source.h"
#include "daemon/ejector.h"
#include "daemon/engine.h"
#include "daemon/file_watch.h"
#include "daemon/log.h"
#include "daemon/prober.h"
#include "daemon/rate_meter.h"
#include "daemon/server_keeper.h"
#include "sluice/config.h"
#include "sluice/error.h"

namespace sluice::daemon {

class Supervisor final : private EngineEvents, private AdminSource {
 public:
  /// `file`: the configuration.
  Supervisor(std::string file, InheritedSockets inherited);
  ~Supervisor() override;

  /// Runs the proxy in the foreground until it is stopped. What goes wrong at the start is on
  /// stderr.
  [[nodiscard]] ExitCode run();

 private:
  // Start and stop (supervisor.cc)
  [[nodiscard]] ExitCode start();
  void await_signal();
  void on_signal(int signal);
  void stop(const std::string& why, std::chrono::milliseconds limit);
  void close_sessions(CloseReason reason);
  void on_engine_drained() override;
  void on_session_record(const proxy::SessionRecord& record) override;
  void tick();

  // Host names of servers (supervisor_names.cc)
  void wait_for_names();
  void fill_addresses(proxy::RouteTable& table) const;
  void on_name_event(LogLevel level, const std::string& line);
  void check_servers();

  // Reload (supervisor_reload.cc)
  void reload(ReloadCallback done) override;
  void begin_reload();
  void on_file_changed(const std::string& file);
  void prepare_reload(config::Loaded loaded);
  void refuse_reload(Diagnostics diagnostics);
  void take_effect(Config config, Engine::Prepared prepared, AdminRebind admin,
                   const Diagnostics& notices);
  void report_reload(const ReloadOutcome& outcome);
  void finish_reload(const ReloadOutcome& outcome);

  // Servers coming and going (supervisor_servers.cc)
  [[nodiscard]] ServerOutcome change_server(const ServerCommand& command) override;
  [[nodiscard]] ServerOutcome describe_change(const balance::ServerState& server,
                                              std::chrono::milliseconds timeout);
  void rebuild_backend(const std::string& name);
  [[nodiscard]] std::chrono::milliseconds drain_timeout_of(const std::string& backend) const;
  [[nodiscard]] const BackendConfig* find_backend(const std::string& name) const;
  void on_server_down(balance::ServerState& server) override;
  void on_server_failing(balance::ServerState& server,
                         const balance::Streak& streak) noexcept override;
  void on_server_serving(balance::ServerState& server) noexcept override;
  [[nodiscard]] std::shared_ptr<balance::ServerState> find_server(const std::string& backend,
                                                                  const std::string& server);
  void on_server_changed(balance::ServerState& server) override;
  void forget_expired_clients();

  /// Where the file asks for kernel TLS and there is none.
  [[nodiscard]] std::optional<Diagnostic> ktls_refusal(const Config& config) const;

  // What it tells (supervisor_rows.cc)
  [[nodiscard]] Status status() override;
  [[nodiscard]] std::vector<FrontendRow> frontends() override;
  [[nodiscard]] std::vector<BackendRow> backends() override;
  [[nodiscard]] std::vector<ServerRow> servers(std::string_view backend) override;
  [[nodiscard]] std::vector<ReasonRow> reasons() override;
  [[nodiscard]] Metrics metrics() override;
  [[nodiscard]] Health health() override;
  void sessions(SessionFilter filter, SessionsCallback done) override;
  void kill_session(std::uint64_t id, KillCallback done) override;
  void kill_server_sessions(std::string backend, std::string server, KillCallback done) override;
  [[nodiscard]] std::vector<WorkerRow> worker_rows();
  [[nodiscard]] std::vector<TlsGearRow> tls_gears();
  [[nodiscard]] RateMeter::Totals totals();
  void kill(const proxy::SessionFilter& filter, KillCallback done);

  std::string file_;
  InheritedSockets inherited_;  ///< until the engine is made
  boost::asio::io_context io_;
  boost::asio::signal_set signals_;
  boost::asio::steady_timer ticker_;
  boost::asio::steady_timer stop_timer_;
  Log log_;
  Config config_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<ServerKeeper> keeper_;
  std::unique_ptr<Ejector> ejector_;
  std::unique_ptr<Prober> prober_;
  std::unique_ptr<AdminServer> admin_;
  AddressBook names_;
  FileWatch watch_;
  RateMeter rates_;
  std::vector<std::string> missing_features_;
  std::string no_ktls_;  ///< why this kernel has no TLS; empty: it has
  std::chrono::steady_clock::time_point started_at_ = std::chrono::steady_clock::now();
  std::uint64_t generation_ = 0;
  std::uint64_t reloads_ = 0;
  std::uint64_t reloads_refused_ = 0;
  std::string last_reload_;
  std::string stopping_;  ///< why; empty while it serves
  bool is_reloading_ = false;
  bool is_moving_servers_ = false;       ///< names have changed, tables and checks follow soon
  std::vector<ReloadCallback> asked_;    ///< for the reload that runs
  std::vector<ReloadCallback> waiting_;  ///< for the one after it
};

}  // namespace sluice::daemon
