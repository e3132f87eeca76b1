#include "daemon/datagram_check.h"

#include <boost/asio/buffer.hpp>
#include <string_view>
#include <utility>

#include "daemon/asio_endpoint.h"
#include "daemon/check_answer.h"

namespace sluice::daemon {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

}  // namespace

DatagramCheck::DatagramCheck(asio::io_context& io, CheckPlan plan, Done done)
    : HealthCheck(io, std::move(plan), std::move(done)), socket_(io) {}

void DatagramCheck::close() noexcept {
  error_code ignored;
  socket_.close(ignored);
}

void DatagramCheck::begin() {
  const auto server = asio_endpoint<asio::ip::udp>(plan().address);
  error_code error;
  socket_.open(server.protocol(), error);
  if (!error) socket_.connect(server, error);
  if (!error) socket_.send(asio::buffer(plan().check.send), 0, error);
  if (error) return finish_later(check_failed_by(error.value()));
  receive();
}

void DatagramCheck::receive() {
  socket_.async_receive(asio::buffer(part_), [this, self = shared_from_this()](
                                                 const error_code& error, std::size_t count) {
    on_received(error, count);
  });
}

void DatagramCheck::on_received(const error_code& error, std::size_t count) {
  if (is_finished()) return;
  if (error) return finish(check_failed_by(error.value()));
  const std::string_view datagram(part_.data(), count);
  if (datagram.find(plan().check.expect) != std::string_view::npos) {
    return finish(check_passed(elapsed()));
  }
  last_ = datagram;
  receive();
}

CheckResult DatagramCheck::at_timeout() const {
  if (plan().check.expect.empty()) return {CheckVerdict::kAnswered, "ok, not contradicted"};
  CheckResult result = HealthCheck::at_timeout();
  result.text += ": " + unexpected_text(plan().check.expect, last_);
  return result;
}

}  // namespace sluice::daemon
