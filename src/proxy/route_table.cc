#include "proxy/route_table.h"

#include <algorithm>
#include <utility>

namespace sluice::proxy {

void RouteTable::add(std::unique_ptr<FrontendRoute> frontend) {
  for (const std::string& listen : frontend->listen) listeners_[listen] = frontend.get();
  frontends_.push_back(std::move(frontend));
}

FrontendRoute* RouteTable::find_listener(const std::string& listen) noexcept {
  const auto found = listeners_.find(listen);
  return found == listeners_.end() ? nullptr : found->second;
}

BackendRoute* RouteTable::find_backend(const std::string& name) noexcept {
  const auto found = std::find_if(backends_.begin(), backends_.end(), [&](const auto& each) {
    return each->balance.state().name() == name;
  });
  return found == backends_.end() ? nullptr : found->get();
}

}  // namespace sluice::proxy
