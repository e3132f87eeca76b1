// A check over UDP: sends a datagram and waits for one that has the expected bytes in it.
//
// The socket is connected, so that the kernel passes on what the network says: an ICMP
// "unreachable" is a failure at once. Without `expect` any answer is good, and so is silence: a
// server that nobody contradicts is taken for up when the time is over. A lost datagram is a failed
// check; `fall` says how many of them matter. Control thread.
#pragma once

#include <array>
#include <boost/asio/ip/udp.hpp>
#include <string>

#include "daemon/health_check.h"

namespace sluice::daemon {

class DatagramCheck final : public HealthCheck {
 public:
  DatagramCheck(boost::asio::io_context& io, CheckPlan plan, Done done);

 private:
  void begin() override;
  void close() noexcept override;
  [[nodiscard]] CheckResult at_timeout() const override;
  void receive();
  void on_received(const boost::system::error_code& error, std::size_t count);

  boost::asio::ip::udp::socket socket_;
  std::array<char, 4096> part_{};
  std::string last_;  ///< the last datagram, one that was not the expected
};

}  // namespace sluice::daemon
