#include "proxy/route_table.h"

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

}  // namespace sluice::proxy
