#include "daemon/ejector.h"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <utility>

#include "daemon/session_line.h"

namespace sluice::daemon {
namespace {

using Clock = std::chrono::steady_clock;

std::string name_of(const balance::ServerState& server) {
  return "server " + server.backend().name() + '/' + server.name();
}

/// `5 failures in 3.00s`.
std::string text_of(const balance::Streak& streak) {
  return std::to_string(streak.failures) + (streak.failures == 1 ? " failure" : " failures") +
         " in " + short_duration(streak.within);
}

bool may_be_ejected(const Config& config, const balance::ServerState& server) {
  for (const BackendConfig& backend : config.backends) {
    if (backend.name != server.backend().name() || backend.outlier.max_fails == 0) continue;
    return std::any_of(backend.servers.begin(), backend.servers.end(),
                       [&](const ServerConfig& each) { return each.name == server.name(); });
  }
  return false;
}

}  // namespace

struct Ejector::Record {
  Record(boost::asio::io_context& io, ServerPtr server_in)
      : server(std::move(server_in)), timer(io) {}

  ServerPtr server;
  boost::asio::steady_timer timer;
  balance::EjectionHistory history;
  bool is_ejected = false;
  bool is_spared = false;
};

Ejector::Ejector(boost::asio::io_context& io, OnEvent on_event)
    : io_(io), on_event_(std::move(on_event)) {}

Ejector::~Ejector() = default;

void Ejector::on_failing(const ServerPtr& server, const balance::Streak& streak,
                         const BackendConfig& backend) {
  if (!server->is_failing()) return;
  auto& record = records_[server.get()];
  if (record == nullptr) record = std::make_unique<Record>(io_, server);
  if (record->is_ejected) return;
  const bool is_allowed = balance::may_eject(backend.servers.size(), ejected_of(server->backend()),
                                             backend.outlier.max_ejected_percent);
  return is_allowed ? eject(*record, streak, backend) : spare(*record, streak);
}

void Ejector::eject(Record& record, const balance::Streak& streak, const BackendConfig& backend) {
  const auto now = Clock::now();
  const auto length = record.history.begin(backend.outlier.eject, now);
  record.is_ejected = true;
  record.is_spared = false;
  record.server->eject("ejected: " + text_of(streak), now);
  on_event_(LogLevel::kWarn, name_of(*record.server) + " is ejected for " + short_duration(length) +
                                 ": " + text_of(streak) + " (" +
                                 std::to_string(ejected_of(record.server->backend())) + " of " +
                                 std::to_string(backend.servers.size()) + " are)");
  record.timer.expires_after(length);
  // The record may be gone, or about a later ejection, when this comes.
  record.timer.async_wait([this, server = record.server.get()](const auto& error) {
    const auto found = records_.find(server);
    if (error || found == records_.end() || !found->second->is_ejected) return;
    if (found->second->timer.expiry() <= Clock::now()) readmit(*found->second, "its time is over");
  });
}

void Ejector::spare(Record& record, const balance::Streak& streak) {
  if (std::exchange(record.is_spared, true)) return;
  on_event_(LogLevel::kWarn, name_of(*record.server) + " fails: " + text_of(streak) +
                                 "; not ejected, by `max_ejected_percent`");
}

void Ejector::readmit(Record& record, std::string_view why) {
  const auto now = Clock::now();
  record.is_ejected = false;
  record.timer.cancel();
  record.history.end(now);
  record.server->readmit(now);
  on_event_(LogLevel::kInfo,
            name_of(*record.server) + " is not ejected any more: " + std::string(why));
  judge_spared_anew(record.server->backend());
}

void Ejector::judge_spared_anew(const balance::BackendState& backend) {
  for (auto& [server, record] : records_) {
    if (&server->backend() != &backend || !std::exchange(record->is_spared, false)) continue;
    record->server->readmit(Clock::now());
  }
}

void Ejector::on_serving(const balance::ServerState& server) {
  const auto found = records_.find(&server);
  if (found == records_.end()) return;
  found->second->is_spared = false;
  if (found->second->is_ejected) readmit(*found->second, "it serves again");
}

void Ejector::forgive(const balance::ServerState& server) {
  const auto found = records_.find(&server);
  if (found == records_.end()) return;
  if (found->second->is_ejected) readmit(*found->second, "by order");
  records_.erase(found);
}

void Ejector::apply(const Config& config) {
  for (auto place = records_.begin(); place != records_.end();) {
    Record& record = *(place++)->second;  // it may leave the map
    if (may_be_ejected(config, *record.server)) {
      judge_spared_anew(record.server->backend());
    } else {
      if (record.is_ejected) readmit(record, "the configuration says so");
      records_.erase(record.server.get());
    }
  }
}

void Ejector::stop() noexcept {
  records_.clear();
}

std::uint64_t Ejector::ejected_of(const balance::BackendState& backend) const {
  return static_cast<std::uint64_t>(
      std::count_if(records_.begin(), records_.end(), [&](const auto& entry) {
        return entry.second->is_ejected && &entry.first->backend() == &backend;
      }));
}

}  // namespace sluice::daemon
