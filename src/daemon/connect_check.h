// A check that a TCP connection to the server can be established in time.
//
// Nothing is sent, and the connection ends with a reset, so that it leaves nothing behind in the
// server's backlog or in TIME_WAIT. Our last packet of the handshake is held back, as HAProxy does
// it: Linux then sends the reset in its place and most servers never learn of the connection.
// Checks that go on from there derive from it. Control thread.
#pragma once

#include <boost/asio/ip/tcp.hpp>

#include "daemon/health_check.h"
#include "sys/fd.h"

namespace sluice::daemon {

class ConnectCheck : public HealthCheck {
 public:
  ConnectCheck(boost::asio::io_context& io, CheckPlan plan, Done done);

 protected:
  void begin() override;
  void close() noexcept override;
  /// Whether the server is to learn of the connection at once.
  [[nodiscard]] virtual bool is_silent() const noexcept { return true; }
  /// Connected.
  virtual void go_on();

  [[nodiscard]] boost::asio::ip::tcp::socket& socket() noexcept { return socket_; }

 private:
  [[nodiscard]] bool open(sys::Fd fd, int family);
  void on_connected(const boost::system::error_code& error);

  boost::asio::ip::tcp::socket socket_;
};

}  // namespace sluice::daemon
