// Our addresses as Boost.Asio has them. Any thread.
#pragma once

#include <cstring>

#include "sluice/address.h"

namespace sluice::daemon {

/// `Protocol`: asio::ip::tcp or asio::ip::udp.
template <typename Protocol>
[[nodiscard]] typename Protocol::endpoint asio_endpoint(const Endpoint& address) {
  typename Protocol::endpoint endpoint;
  endpoint.resize(address.size());
  std::memcpy(endpoint.data(), address.data(), address.size());
  return endpoint;
}

}  // namespace sluice::daemon
