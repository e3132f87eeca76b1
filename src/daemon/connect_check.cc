#include "daemon/connect_check.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "daemon/asio_endpoint.h"
#include "sys/socket.h"

namespace sluice::daemon {
namespace {

namespace asio = boost::asio;

/// Keeps the handshake's last acknowledgement back for a moment, see the header. Failure does not
/// matter: the server sees a connection that is reset.
void delay_acknowledgement(int fd) noexcept {
  const int off = 0;
  ::setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof off);
}

}  // namespace

ConnectCheck::ConnectCheck(asio::io_context& io, CheckPlan plan, Done done)
    : HealthCheck(io, std::move(plan), std::move(done)), socket_(io) {}

void ConnectCheck::close() noexcept {
  boost::system::error_code ignored;
  socket_.close(ignored);
}

void ConnectCheck::begin() {
  const Endpoint& server = plan().address;
  if (!open(sys::make_tcp_socket(server.family()), server.family())) {
    return finish_later(check_failed_by(errno));
  }
  socket_.async_connect(asio_endpoint<asio::ip::tcp>(server),
                        [this, self = shared_from_this()](const boost::system::error_code& error) {
                          on_connected(error);
                        });
}

bool ConnectCheck::open(sys::Fd fd, int family) {
  if (!fd.is_open()) return false;
  sys::set_no_delay(fd.get());
  if (is_silent()) delay_acknowledgement(fd.get());
  boost::system::error_code error;
  socket_.assign(family == AF_INET6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4(), fd.get(), error);
  if (error) {
    fd.reset();
    errno = error.value();
    return false;
  }
  [[maybe_unused]] const int owned_by_socket = fd.release();
  return true;
}

void ConnectCheck::on_connected(const boost::system::error_code& error) {
  if (is_finished()) return;  // cancelled, or the timeout was first
  if (error) return finish(check_failed_by(error.value()));
  sys::reset_on_close(socket_.native_handle());
  go_on();
}

void ConnectCheck::go_on() {
  finish(check_passed(elapsed()));
}

}  // namespace sluice::daemon
