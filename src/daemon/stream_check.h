// A check that talks over TCP, with or without TLS: a handshake, `send` and `expect`, an HTTP
// request.
//
//   connecting --> [handshaking] --> sending --> reading --> finished
//
// What the answer means is decided in check_answer.h; at most kMostAnswer bytes of it are kept.
// Control thread.
#pragma once

#include <array>
#include <boost/asio/ssl/stream.hpp>
#include <optional>
#include <string>

#include "daemon/check_answer.h"
#include "daemon/connect_check.h"

namespace sluice::daemon {

class StreamCheck final : public ConnectCheck {
 public:
  StreamCheck(boost::asio::io_context& io, CheckPlan plan, Done done);

 private:
  [[nodiscard]] bool is_silent() const noexcept override { return false; }
  [[nodiscard]] CheckResult at_timeout() const override;
  void go_on() override;
  void shake_hands();
  void on_hands_shaken(const boost::system::error_code& error);
  void send();
  void receive();
  void on_received(const boost::system::error_code& error, std::size_t count);
  void judge(AnswerEnd end);

  template <typename Action>
  void with_stream(Action action);

  std::optional<boost::asio::ssl::stream<boost::asio::ip::tcp::socket&>> tls_;
  std::string question_;
  std::string answer_;
  std::array<char, 4096> part_{};
};

}  // namespace sluice::daemon
