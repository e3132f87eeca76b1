// Waiting in tests that drive an io_context by themselves.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>

namespace sluice::daemon {

/// Runs `io` until the condition holds; false where it does not within half a minute.
template <typename Condition>
[[nodiscard]] bool run_until(boost::asio::io_context& io, const Condition& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    io.restart();
    io.run_one_for(std::chrono::milliseconds(5));
  }
  return true;
}

}  // namespace sluice::daemon
