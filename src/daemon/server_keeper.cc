#include "daemon/server_keeper.h"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

namespace sluice::daemon {
namespace {

using std::chrono::milliseconds;

/// How finely the closing is spread.
constexpr milliseconds kShortestStep{20};
constexpr int kMostSteps = 100;

proxy::SessionFilter sessions_of(const balance::ServerState& server) {
  return {std::nullopt, server.backend().name(), server.name()};
}

std::string full_name(const balance::ServerState& server) {
  return server.backend().name() + '/' + server.name();
}

std::uint64_t sum(const std::vector<std::uint64_t>& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

const BackendConfig* find_backend(const Config& config, const std::string& name) {
  const auto found = std::find_if(config.backends.begin(), config.backends.end(),
                                  [&](const BackendConfig& each) { return each.name == name; });
  return found == config.backends.end() ? nullptr : &*found;
}

bool has_server(const BackendConfig* backend, const std::string& name) {
  return backend != nullptr &&
         std::any_of(backend->servers.begin(), backend->servers.end(),
                     [&](const ServerConfig& each) { return each.name == name; });
}

/// A server that is gone, and the rules for its sessions: those of its backend in the new
/// configuration or, where that is gone too, in the old one.
struct Removed {
  std::string server;
  const BackendConfig* rules;
};

std::vector<Removed> removed_servers(const Config& before, const Config& after) {
  std::vector<Removed> removed;
  for (const BackendConfig& backend : before.backends) {
    const BackendConfig* now = find_backend(after, backend.name);
    for (const ServerConfig& server : backend.servers) {
      if (has_server(now, server.name)) continue;
      removed.push_back({server.name, now != nullptr ? now : &backend});
    }
  }
  return removed;
}

}  // namespace

struct ServerKeeper::Drain {
  Drain(boost::asio::io_context& io, ServerPtr server_in, milliseconds spread)
      : server(std::move(server_in)),
        timer(io),
        steps_left(
            static_cast<int>(std::clamp<std::int64_t>(spread / kShortestStep, 1, kMostSteps))),
        step(spread / steps_left) {}

  ServerPtr server;
  boost::asio::steady_timer timer;
  int steps_left;
  milliseconds step;
  std::uint64_t closed = 0;
};

void ServerKeeper::drain(ServerPtr server, milliseconds timeout) {
  drains_.erase(server.get());
  if (timeout == milliseconds(0)) return;
  const auto drain = std::make_shared<Drain>(io_, std::move(server), timeout / 10);
  drains_[drain->server.get()] = drain;
  arm(drain, timeout);
}

void ServerKeeper::arm(const std::shared_ptr<Drain>& drain, milliseconds after) {
  drain->timer.expires_after(after);
  drain->timer.async_wait(
      [this, weak = std::weak_ptr(drain)](const boost::system::error_code& error) {
        const auto same = weak.lock();
        if (!error && same) close_some(same);
      });
}

void ServerKeeper::close_some(const std::shared_ptr<Drain>& drain) {
  const auto parts = static_cast<std::uint64_t>(drain->steps_left--);
  engine_.ask<std::uint64_t>(
      [filter = sessions_of(*drain->server), parts](WorkerLoop& loop) {
        return loop.close_sessions(filter, CloseReason::kDrained, parts);
      },
      [this, weak = std::weak_ptr(drain)](const std::vector<std::uint64_t>& closed) {
        const auto same = weak.lock();
        if (!same) return;
        same->closed += sum(closed);
        if (same->steps_left > 0) return arm(same, same->step);
        on_event_(LogLevel::kInfo, "server " + full_name(*same->server) + " is drained: closed " +
                                       std::to_string(same->closed) + " sessions");
        drains_.erase(same->server.get());
      });
}

void ServerKeeper::close(const balance::ServerState& server, CloseReason reason, OnClosed done) {
  engine_.ask<std::uint64_t>(
      [filter = sessions_of(server), reason](WorkerLoop& loop) {
        return loop.close_sessions(filter, reason);
      },
      [done = std::move(done)](const std::vector<std::uint64_t>& closed) { done(sum(closed)); });
}

void ServerKeeper::apply(const Config& before, const Config& after, OnClosed done) {
  take_back_orders(after);
  std::vector<ServerPtr> closing;
  for (const Removed& removed : removed_servers(before, after)) {
    auto server = engine_.registry().servers().server(removed.rules->name, removed.server);
    if (server->sessions().value() == 0) continue;
    if (removed.rules->on_server_removed == OnServerRemoved::kClose) {
      closing.push_back(std::move(server));
    } else {
      drain(std::move(server), removed.rules->drain_timeout);
    }
  }
  if (closing.empty()) return done(0);
  struct Round {
    std::size_t missing;
    std::uint64_t closed;
    OnClosed done;
  };
  auto round = std::make_shared<Round>(Round{closing.size(), 0, std::move(done)});
  for (const ServerPtr& server : closing) {
    close(*server, CloseReason::kDrained, [round](std::uint64_t closed) {
      round->closed += closed;
      if (--round->missing == 0) round->done(round->closed);
    });
  }
}

void ServerKeeper::take_back_orders(const Config& config) {
  const auto now = std::chrono::steady_clock::now();
  for (const BackendConfig& backend : config.backends) {
    for (const ServerConfig& each : backend.servers) {
      const ServerPtr server = engine_.registry().servers().server(backend.name, each.name);
      forgive(*server);
      if (server->orders() == balance::Orders{}) continue;
      server->set_orders({}, now);
      on_event_(LogLevel::kInfo, "server " + full_name(*server) +
                                     " is as the file says again: the reload took its orders back");
    }
  }
}

}  // namespace sluice::daemon
