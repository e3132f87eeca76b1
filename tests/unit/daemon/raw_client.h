// A client of the admin interface that sends whatever bytes a test likes and drives the server's
// io_context while it waits, so that client and server share one thread and no test sleeps.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <string>
#include <string_view>

#include "run_until.h"
#include "sluice/address.h"
#include "sys/fd.h"

namespace sluice::daemon {

struct Reply {
  int status = 0;    ///< 0 = the server closed before a whole answer had come
  std::string head;  ///< status line and fields, lower case
  std::string body;
};

class RawClient {
 public:
  /// Takes a connected socket.
  RawClient(boost::asio::io_context& io, sys::Fd fd);
  [[nodiscard]] static RawClient connect(boost::asio::io_context& io, const std::string& path);
  [[nodiscard]] static RawClient connect(boost::asio::io_context& io, const Endpoint& address);

  void send(std::string_view bytes);

  /// The next answer; `body_of` says whether one follows a content-length (not after HEAD).
  enum class Body { kFollows, kNone };
  [[nodiscard]] Reply read_reply(Body body = Body::kFollows);

  /// Sends a request without a body and reads the answer.
  [[nodiscard]] Reply ask(const std::string& method, const std::string& target);

  /// Whether the server ends the connection, having sent nothing more.
  [[nodiscard]] bool is_closed_by_server();

  void shutdown_sending();

 private:
  enum class Got { kBytes, kNothing, kEnd };
  Got read_some();
  bool read_until(const std::function<bool()>& condition);

  boost::asio::io_context* io_;
  sys::Fd fd_;
  std::string received_;
  bool ended_ = false;
};

}  // namespace sluice::daemon
