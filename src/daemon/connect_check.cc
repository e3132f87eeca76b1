#include "daemon/connect_check.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <utility>

#include "sys/socket.h"

namespace sluice::daemon {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

CheckResult failure(int error) {
  std::string text = boost::system::system_category().message(error);
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') {
    text[0] = static_cast<char>(text[0] - 'A' + 'a');
  }
  if (sys::is_shortage(error) || sys::is_out_of_ports(error)) {
    return {CheckVerdict::kNotMade, "not checked: " + text};
  }
  return {CheckVerdict::kFailed, std::move(text)};
}

/// `0.4ms`, `12ms`, `1.3s`: as exact as a reader needs.
std::string elapsed_text(Clock::duration elapsed) {
  const double ms = std::chrono::duration<double, std::milli>(elapsed).count();
  std::array<char, 32> text{};
  if (ms < 10) {
    std::snprintf(text.data(), text.size(), "%.1fms", ms);
  } else if (ms < 1000) {
    std::snprintf(text.data(), text.size(), "%.0fms", ms);
  } else {
    std::snprintf(text.data(), text.size(), "%.1fs", ms / 1000);
  }
  return text.data();
}

/// As in the configuration: `2s`, `500ms`.
std::string setting_text(std::chrono::milliseconds duration) {
  const auto ms = duration.count();
  return ms % 1000 == 0 ? std::to_string(ms / 1000) + "s" : std::to_string(ms) + "ms";
}

asio::ip::tcp::endpoint to_asio(const Endpoint& server) {
  asio::ip::tcp::endpoint endpoint;
  endpoint.resize(server.size());
  std::memcpy(endpoint.data(), server.data(), server.size());
  return endpoint;
}

/// Keeps the handshake's last acknowledgement back for a moment, see the header. Failure does not
/// matter: the server sees a connection that is reset.
void delay_acknowledgement(int fd) noexcept {
  const int off = 0;
  ::setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof off);
}

}  // namespace

std::shared_ptr<ConnectCheck> ConnectCheck::start(asio::io_context& io, const Endpoint& server,
                                                  std::chrono::milliseconds timeout, Done done) {
  std::shared_ptr<ConnectCheck> check(new ConnectCheck(io, timeout, std::move(done)));
  check->connect(io, server);
  return check;
}

ConnectCheck::ConnectCheck(asio::io_context& io, std::chrono::milliseconds timeout, Done done)
    : socket_(io), timer_(io), timeout_(timeout), started_(Clock::now()), done_(std::move(done)) {}

void ConnectCheck::cancel() noexcept {
  done_ = nullptr;
  boost::system::error_code ignored;
  timer_.cancel(ignored);
  socket_.close(ignored);
}

void ConnectCheck::connect(asio::io_context& io, const Endpoint& server) {
  if (!open(sys::make_tcp_socket(server.family()), server.family())) {
    asio::post(io, [self = shared_from_this(), result = failure(errno)] { self->finish(result); });
    return;
  }
  socket_.async_connect(to_asio(server),
                        [self = shared_from_this()](const boost::system::error_code& error) {
                          self->on_connected(error);
                        });
  if (timeout_.count() == 0) return;
  timer_.expires_after(timeout_);
  timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (!error) self->on_timeout();
  });
}

bool ConnectCheck::open(sys::Fd fd, int family) {
  if (!fd.is_open()) return false;
  delay_acknowledgement(fd.get());
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
  if (!done_) return;  // cancelled, or the timeout was first
  if (error) return finish(failure(error.value()));
  sys::reset_on_close(socket_.native_handle());
  finish({CheckVerdict::kAnswered, "ok " + elapsed_text(Clock::now() - started_)});
}

void ConnectCheck::on_timeout() {
  if (!done_) return;
  finish({CheckVerdict::kFailed, "timeout after " + setting_text(timeout_)});
}

void ConnectCheck::finish(const CheckResult& result) {
  const Done done = std::exchange(done_, nullptr);
  cancel();
  if (done) done(result);
}

}  // namespace sluice::daemon
