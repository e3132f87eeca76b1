// Server addresses of a table, from fixed ones.
#pragma once

#include <vector>

#include "proxy/server_address.h"

namespace sluice::proxy {

inline std::vector<ServerAddress> addresses_of(const std::vector<Endpoint>& servers) {
  std::vector<ServerAddress> addresses(servers.size());
  for (std::size_t i = 0; i < servers.size(); ++i) addresses[i].set(servers[i]);
  return addresses;
}

}  // namespace sluice::proxy
