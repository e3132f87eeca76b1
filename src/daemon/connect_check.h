// One active TCP check: can a connection to the server be established in time?
//
// Nothing is sent, and the connection ends with a reset, so that it leaves nothing behind in the
// server's backlog or in TIME_WAIT. Our last packet of the handshake is held back, as HAProxy does
// it: Linux then sends the reset in its place and most servers never learn of the connection.
// Control thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "sluice/address.h"
#include "sys/fd.h"

namespace sluice::daemon {

enum class CheckVerdict {
  kAnswered,
  kFailed,
  kNotMade,  ///< for want of descriptors, ports or memory of ours: says nothing about the server
};

struct CheckResult {
  CheckVerdict verdict = CheckVerdict::kNotMade;
  /// For the column `check`: `ok 0.4ms`, `connection refused`, `timeout after 2s`,
  /// `not checked: too many open files`.
  std::string text;
};

class ConnectCheck : public std::enable_shared_from_this<ConnectCheck> {
 public:
  using Done = std::function<void(const CheckResult&)>;

  /// Begins to connect. `done` is called once, later, out of the io_context; a timeout of 0 waits
  /// as long as the kernel does.
  [[nodiscard]] static std::shared_ptr<ConnectCheck> start(boost::asio::io_context& io,
                                                           const Endpoint& server,
                                                           std::chrono::milliseconds timeout,
                                                           Done done);

  /// Closes the socket; `done` is not called any more.
  void cancel() noexcept;

 private:
  ConnectCheck(boost::asio::io_context& io, std::chrono::milliseconds timeout, Done done);

  void connect(boost::asio::io_context& io, const Endpoint& server);
  [[nodiscard]] bool open(sys::Fd fd, int family);
  void on_connected(const boost::system::error_code& error);
  void on_timeout();
  void finish(const CheckResult& result);

  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer timer_;
  std::chrono::milliseconds timeout_;
  std::chrono::steady_clock::time_point started_;
  Done done_;  ///< empty = done
};

}  // namespace sluice::daemon
