// Host names for tests without a name server: getaddrinfo(3) takes `127.9` for 127.0.0.9 as
// inet_aton(3) does, which is no IP address for the configuration, and refuses by itself a name
// that is too long.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <string>

namespace sluice::daemon {

inline const std::string kImpossibleName(300, 'a');

/// Runs the io_context until the condition holds; false where it never does.
template <typename Condition>
[[nodiscard]] bool run_until(boost::asio::io_context& io, Condition condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    io.restart();
    io.run_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace sluice::daemon
