#include "daemon/admin.h"

#include <sys/socket.h>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <optional>
#include <utility>

#include "base/assert.h"
#include "daemon/admin_connection.h"
#include "daemon/admin_socket.h"
#include "daemon/admin_source.h"
#include "sys/fd.h"
#include "sys/socket.h"

namespace sluice::daemon {
namespace {

namespace asio = boost::asio;

/// Pause after accept(2) failed, for instance for want of descriptors: it never spins.
constexpr std::chrono::milliseconds kAcceptPause{100};

/// Accepts on one listening socket until it is closed. Its handlers share it.
class Listener : public std::enable_shared_from_this<Listener> {
 public:
  Listener(asio::io_context& io, AdminConnections& connections, AdminAccess access)
      : connections_(connections), acceptor_(io), pause_(io), access_(access) {}

  void open(sys::Fd fd, int family) {
    boost::system::error_code error;
    acceptor_.assign(AdminStream(family, 0), fd.get(), error);
    SLUICE_ASSERT(!error);  // a listening socket of that family: only a bug gets here
    [[maybe_unused]] const int owned_by_acceptor = fd.release();
    accept();
  }

  void close() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel(ignored);
  }

  [[nodiscard]] int fd() { return acceptor_.native_handle(); }

 private:
  void accept() {
    acceptor_.async_accept([self = shared_from_this()](const boost::system::error_code& error,
                                                       AdminStream::socket socket) {
      if (!self->acceptor_.is_open()) return;
      if (error) return self->accept_later();
      self->connections_.add(std::move(socket), self->access_);
      self->accept();
    });
  }

  void accept_later() {
    pause_.expires_after(kAcceptPause);
    pause_.async_wait([self = shared_from_this()](const boost::system::error_code&) {
      if (self->acceptor_.is_open()) self->accept();
    });
  }

  AdminConnections& connections_;  ///< valid while the acceptor is open
  asio::basic_socket_acceptor<AdminStream> acceptor_;
  asio::steady_timer pause_;
  AdminAccess access_;
};

}  // namespace

struct AdminRebind::Sockets {
  AdminConfig config;                       ///< what the server has once this is applied
  std::optional<sys::UnixListener> socket;  ///< nothing = the current one stays
  sys::Fd tcp;                              ///< not open = the current one stays, or there is none
};

struct AdminServer::State {
  State(asio::io_context& io_context, AdminSource& source, const AdminLimits& limits)
      : io(io_context), connections(source, limits) {}

  [[nodiscard]] Result<std::optional<sys::UnixListener>> prepare_socket(
      const AdminConfig& wanted) const;
  [[nodiscard]] Result<sys::Fd> prepare_tcp(const AdminConfig& wanted) const;
  [[nodiscard]] std::shared_ptr<Listener> listen(sys::Fd fd, int family, AdminAccess access);

  asio::io_context& io;
  AdminConnections connections;
  AdminConfig config;
  std::optional<sys::UnixListener> socket;
  std::shared_ptr<Listener> local;
  std::shared_ptr<Listener> tcp;  ///< null where none is configured
};

namespace {

void close_listener(std::shared_ptr<Listener>& listener) {
  if (listener) listener->close();
  listener.reset();
}

}  // namespace

Result<std::optional<sys::UnixListener>> AdminServer::State::prepare_socket(
    const AdminConfig& wanted) const {
  if (socket && wanted.socket == config.socket && socket->is_in_place()) return std::nullopt;
  std::string path = wanted.socket;
  if (path.empty()) {
    auto found = default_admin_socket();
    if (!found) return tl::unexpected(found.error());
    path = *std::move(found);
  }
  // The same place spelt otherwise: listening there again would find ourselves.
  if (socket && path == socket->path() && socket->is_in_place()) return std::nullopt;
  auto made = listen_admin(path);
  if (!made) return tl::unexpected(made.error());
  return std::optional<sys::UnixListener>(*std::move(made));
}

/// A listener that only changes its address keeps its port (127.0.0.1 to 0.0.0.0), so the old
/// socket must let the new one in until apply() closes it.
Result<sys::Fd> AdminServer::State::prepare_tcp(const AdminConfig& wanted) const {
  if (!wanted.listen || (tcp && wanted.listen == config.listen)) return sys::Fd();
  const auto address = Endpoint::from_ip(wanted.listen->host, wanted.listen->port);
  if (!address) return tl::unexpected(address.error());
  auto sharing = sys::PortSharing::kExclusive;
  if (tcp && sys::local_endpoint(tcp->fd()).port() == address->port()) {
    constexpr int kOn = 1;
    ::setsockopt(tcp->fd(), SOL_SOCKET, SO_REUSEPORT, &kOn, sizeof kOn);
    sharing = sys::PortSharing::kShared;
  }
  auto fd = sys::listen_tcp(*address, sharing, 128);
  if (!fd) return fail("admin.listen: " + fd.error().text, fd.error().exit_code);
  return fd;
}

std::shared_ptr<Listener> AdminServer::State::listen(sys::Fd fd, int family, AdminAccess access) {
  auto listener = std::make_shared<Listener>(io, connections, access);
  listener->open(std::move(fd), family);
  return listener;
}

AdminRebind::AdminRebind(std::unique_ptr<Sockets> sockets) noexcept
    : sockets_(std::move(sockets)) {}
AdminRebind::AdminRebind(AdminRebind&& other) noexcept = default;
AdminRebind& AdminRebind::operator=(AdminRebind&& other) noexcept = default;
AdminRebind::~AdminRebind() = default;

Result<std::unique_ptr<AdminServer>> AdminServer::start(asio::io_context& io, AdminSource& source,
                                                        const AdminConfig& config) {
  std::unique_ptr<AdminServer> server(
      new AdminServer(std::make_unique<State>(io, source, AdminLimits{})));
  auto sockets = server->prepare(config);
  if (!sockets) return tl::unexpected(sockets.error());
  server->apply(*std::move(sockets));
  return server;
}

AdminServer::AdminServer(std::unique_ptr<State> state) : state_(std::move(state)) {}

AdminServer::~AdminServer() {
  stop();
}

Result<AdminRebind> AdminServer::prepare(const AdminConfig& config) {
  auto socket = state_->prepare_socket(config);
  if (!socket) return tl::unexpected(socket.error());
  auto tcp = state_->prepare_tcp(config);
  if (!tcp) return tl::unexpected(tcp.error());
  return AdminRebind(std::make_unique<AdminRebind::Sockets>(
      AdminRebind::Sockets{config, *std::move(socket), *std::move(tcp)}));
}

void AdminServer::apply(AdminRebind rebind) {
  auto& [config, socket, tcp] = *rebind.sockets_;
  if (socket) {
    // The old file goes before the old descriptor: while that is open, no other file can have the
    // inode number by which remove_file() knows its own.
    state_->socket = std::move(socket);
    close_listener(state_->local);
    state_->local = state_->listen(state_->socket->take_fd(), AF_UNIX, AdminAccess::kFull);
  }
  if (tcp.is_open() || !config.listen) close_listener(state_->tcp);
  if (tcp.is_open()) {
    const int family = sys::local_endpoint(tcp.get()).family();
    state_->tcp = state_->listen(std::move(tcp), family, AdminAccess::kReadOnly);
  }
  state_->config = std::move(config);
}

void AdminServer::stop() {
  state_->socket.reset();
  close_listener(state_->local);
  close_listener(state_->tcp);
  state_->connections.close_all();
}

std::string AdminServer::socket_path() const {
  return state_->socket ? state_->socket->path() : std::string();
}

Endpoint AdminServer::listen_endpoint() const {
  return state_->tcp ? sys::local_endpoint(state_->tcp->fd()) : Endpoint();
}

}  // namespace sluice::daemon
