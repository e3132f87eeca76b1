// Closes the sessions of servers that are on their way out: drained by hand, taken out of the file,
// or down.
//
// A drain with a time limit leaves the sessions alone until then and closes the rest spread over a
// further tenth of it, the oldest first, so that clients do not come back all at once. One without
// a limit never closes anything. Control thread; sessions are closed by their workers.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "balance/server.h"
#include "daemon/engine.h"
#include "sluice/config.h"
#include "sluice/stats.h"

namespace sluice::daemon {

class ServerKeeper {
 public:
  using ServerPtr = std::shared_ptr<balance::ServerState>;
  using OnClosed = std::function<void(std::uint64_t closed)>;
  using OnEvent = std::function<void(LogLevel, const std::string&)>;

  /// `io` and `engine` outlive it.
  ServerKeeper(boost::asio::io_context& io, Engine& engine, OnEvent on_event)
      : io_(io), engine_(engine), on_event_(std::move(on_event)) {}
  ServerKeeper(const ServerKeeper&) = delete;
  ServerKeeper& operator=(const ServerKeeper&) = delete;

  /// Closes what is left of the server's sessions after this time; 0 = never. Takes the place of an
  /// earlier drain of the same server.
  void drain(ServerPtr server, std::chrono::milliseconds timeout);

  /// Nothing of it will be closed any more.
  void forgive(const balance::ServerState& server) { drains_.erase(&server); }

  /// Closes all sessions of the server now.
  void close(const balance::ServerState& server, CloseReason reason, OnClosed done);

  /// A new configuration is in force on every worker: takes the orders of its servers back, and
  /// closes or drains the sessions of the servers that are gone, by the rules of their backend.
  /// `done` gets how many were closed at once.
  void apply(const Config& before, const Config& after, OnClosed done);

  /// Nothing will be closed any more.
  void stop() noexcept { drains_.clear(); }

 private:
  struct Drain;

  void arm(const std::shared_ptr<Drain>& drain, std::chrono::milliseconds after);
  void close_some(const std::shared_ptr<Drain>& drain);
  void take_back_orders(const Config& config);

  boost::asio::io_context& io_;
  Engine& engine_;
  OnEvent on_event_;
  std::map<const balance::ServerState*, std::shared_ptr<Drain>> drains_;
};

}  // namespace sluice::daemon
