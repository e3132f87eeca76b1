#include "daemon/supervisor.h"

#include <systemd/sd-daemon.h>

#include <boost/asio/post.hpp>
#include <csignal>
#include <cstdio>
#include <utility>

#include "config/load.h"
#include "daemon/session_line.h"
#include "daemon/system_report.h"
#include "sluice/version.h"

namespace sluice::daemon {
namespace {

using std::chrono::milliseconds;

constexpr std::chrono::seconds kTick{1};

void complain(const std::string& line) {
  std::fprintf(stderr, "%s\n", line.c_str());
}

void complain(const Diagnostics& diagnostics) {
  for (const Diagnostic& diagnostic : diagnostics) complain(diagnostic.to_string());
}

ExitCode complain(const Error& error) {
  complain("sluice: " + error.text);
  return error.exit_code;
}

/// The process ends by itself from here on. One more SIGTERM, now that nobody waits for it any
/// more, would make that an end by signal: asio gives signals their default back with its
/// signal_set.
void ignore_signals() {
  sigset_t every;
  sigfillset(&every);
  pthread_sigmask(SIG_BLOCK, &every, nullptr);
}

}  // namespace

Supervisor::Supervisor(std::string file, InheritedSockets inherited)
    : file_(std::move(file)),
      inherited_(std::move(inherited)),
      signals_(io_, SIGHUP, SIGTERM, SIGQUIT),
      ticker_(io_),
      stop_timer_(io_),
      names_(io_, [this](LogLevel level, const std::string& line) { on_name_event(level, line); }),
      watch_(
          io_, file_, [this](const std::string& changed) { on_file_changed(changed); },
          [this](LogLevel level, const std::string& line) { log_.event(level, line); }) {
  signals_.add(SIGINT);
  std::signal(SIGPIPE, SIG_IGN);  // splice(2) has no MSG_NOSIGNAL
}

Supervisor::~Supervisor() = default;

ExitCode Supervisor::run() {
  const ExitCode started = start();
  if (started != ExitCode::kDone) return started;
  await_signal();
  tick();
  io_.run();
  ignore_signals();
  log_.info("stopped");
  return ExitCode::kDone;
}

ExitCode Supervisor::start() {
  config::Loaded loaded = config::load(file_);
  complain(loaded.diagnostics);
  if (!loaded.config) return ExitCode::kNo;
  config_ = std::move(*loaded.config);
  log_.configure(config_.log);
  watch_.follow(config_);

  const tls::KtlsReport ktls = tls::probe_ktls();
  no_ktls_ = tls::why_no_ktls(ktls);
  if (const auto refusal = ktls_refusal(config_)) {
    complain(refusal->to_string());
    return ExitCode::kUnavailable;
  }
  wait_for_names();
  auto engine = Engine::start(config_.workers, std::move(inherited_), io_, *this);
  if (!engine) return complain(engine.error());
  engine_ = std::move(*engine);
  engine_->set_ktls(tls::ability_of(ktls));
  auto admin = AdminServer::start(io_, *this, config_.admin);
  if (!admin) return complain(admin.error());
  admin_ = std::move(*admin);
  auto prepared = engine_->prepare(config_, file_, ++generation_);
  if (!prepared) {
    complain(prepared.error());
    return ExitCode::kUnavailable;
  }
  keeper_ = std::make_unique<ServerKeeper>(
      io_, *engine_, [this](LogLevel level, const std::string& line) { log_.event(level, line); });
  ejector_ = std::make_unique<Ejector>(
      io_, [this](LogLevel level, const std::string& line) { log_.event(level, line); });
  prober_ = std::make_unique<Prober>(
      io_, Prober::Options{engine_->budget().checks},
      [this](LogLevel level, const std::string& line) { log_.event(level, line); });
  missing_features_ = missing_features(ktls);
  fill_addresses(*prepared->compiled.table);
  names_.follow(config_);
  engine_->publish(std::move(*prepared), config_, [this] {
    check_servers();
    for (const FrontendRow& row : frontends()) {
      for (const std::string& address : row.listen) {
        log_.info("frontend " + row.name + " listens on " + address);
      }
    }
    log_.info(std::string("sluice ") + kVersion + " serves with " +
              std::to_string(engine_->workers().size()) + " workers; admin socket " +
              admin_->socket_path());
    sd_notify(0, "READY=1");
  });
  return ExitCode::kDone;
}

// --- Signals ---

void Supervisor::await_signal() {
  signals_.async_wait([this](const boost::system::error_code& error, int signal) {
    if (error) return;
    on_signal(signal);
    await_signal();
  });
}

void Supervisor::on_signal(int signal) {
  if (signal == SIGHUP) return reload([](const ReloadOutcome&) {});
  const bool is_patient = signal == SIGQUIT;
  const char* name = is_patient ? "SIGQUIT" : signal == SIGINT ? "SIGINT" : "SIGTERM";
  stop(name, is_patient ? milliseconds(0) : config_.stop_timeout);
}

void Supervisor::stop(const std::string& why, milliseconds limit) {
  sd_notify(0, "STOPPING=1");
  if (stopping_.empty()) {
    log_.info(why + ": no new connections; waiting for " + std::to_string(status().sessions) +
              " sessions" +
              (limit == milliseconds(0) ? "" : ", " + short_duration(limit) + " at the most"));
    engine_->stop_accepting();
  } else {
    log_.info(why + " again");
  }
  stopping_ = why;
  stop_timer_.cancel();
  if (limit == milliseconds(0)) return;
  stop_timer_.expires_after(limit);
  stop_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) close_sessions(CloseReason::kStopped);
  });
}

void Supervisor::close_sessions(CloseReason reason) {
  engine_->ask<std::uint64_t>(
      [reason](WorkerLoop& loop) { return loop.close_sessions({}, reason); },
      [this](const std::vector<std::uint64_t>& closed) {
        std::uint64_t total = 0;
        for (const std::uint64_t each : closed) total += each;
        log_.warn("stop_timeout: closed " + std::to_string(total) + " sessions");
        // Sessions whose last bytes are still being delivered are asked again.
        stop_timer_.expires_after(kTick);
        stop_timer_.async_wait([this](const boost::system::error_code& error) {
          if (!error) close_sessions(CloseReason::kStopped);
        });
      });
}

void Supervisor::on_engine_drained() {
  stop_timer_.cancel();
  ticker_.cancel();
  signals_.cancel();
  names_.stop();
  watch_.stop();
  prober_->apply({});
  keeper_->stop();
  ejector_->stop();
  admin_->stop();
  // Answers that are on their way (a last status, a kill) still go out of the queue; then nothing
  // is left to run.
  boost::asio::post(io_, [this] { io_.stop(); });
}

void Supervisor::on_session_record(const proxy::SessionRecord& record) {
  log_.session(record);
}

void Supervisor::tick() {
  rates_.sample(totals(), std::chrono::steady_clock::now());
  forget_expired_clients();
  ticker_.expires_after(kTick);
  ticker_.async_wait([this](const boost::system::error_code& error) {
    if (!error) tick();
  });
}

}  // namespace sluice::daemon
