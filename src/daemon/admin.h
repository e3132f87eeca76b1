// The admin interface: HTTP/1.1 with JSON on a UNIX socket (full control) and, where configured,
// on a TCP address (read only).
//
// One object on the control thread, driven by the io_context it is given; it starts no thread. The
// routes are those of the contract, section 4 (admin_routes.h). Limits: 64 connections, 32 of
// them over TCP, so that the network cannot lock the operator out; 8 KiB of request head, 64 KiB of
// body; a client that stalls is dropped. Past the limit a client is answered 503.
//
// A reload that moves the interface does so in two steps, so that one which fails later changes
// nothing: prepare() binds what is new, apply() puts it in place of the old. Connections that are
// open outlive the listener they came from: the reload that closes it can still be answered.
#pragma once

#include <memory>
#include <string>

#include "sluice/address.h"
#include "sluice/config.h"
#include "sluice/error.h"

namespace boost::asio {
class io_context;
}

namespace sluice::daemon {

class AdminSource;

/// Sockets that prepare() bound and apply() takes. Destroyed unused, it closes them and removes the
/// socket file that it made.
class AdminRebind {
 public:
  struct Sockets;

  explicit AdminRebind(std::unique_ptr<Sockets> sockets) noexcept;
  AdminRebind(AdminRebind&& other) noexcept;
  AdminRebind& operator=(AdminRebind&& other) noexcept;
  ~AdminRebind();

 private:
  friend class AdminServer;
  std::unique_ptr<Sockets> sockets_;
};

class AdminServer {
 public:
  /// Binds and listens; connections are served while `io` runs. Both references outlive the server.
  /// Fails (exit code kUnavailable) where a socket cannot be had: another sluice lives at the path,
  /// the port is taken, the folder may not be written.
  [[nodiscard]] static Result<std::unique_ptr<AdminServer>> start(boost::asio::io_context& io,
                                                                  AdminSource& source,
                                                                  const AdminConfig& config);

  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;
  /// As stop().
  ~AdminServer();

  /// Binds what `config` has and the server has not; what stays is left alone. Changes nothing yet.
  [[nodiscard]] Result<AdminRebind> prepare(const AdminConfig& config);

  /// Accepts on the prepared sockets and drops the listeners that the configuration no longer has.
  void apply(AdminRebind rebind);

  /// Closes the listeners, removes the socket file if it is still ours, drops every connection.
  /// Handlers of the io_context that come later find nothing to do.
  void stop();

  /// The path of the UNIX socket in use.
  [[nodiscard]] std::string socket_path() const;

  /// The TCP address as bound, so that port 0 shows its number; unspecified where there is none.
  [[nodiscard]] Endpoint listen_endpoint() const;

 private:
  struct State;
  explicit AdminServer(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace sluice::daemon
