#include "proxy/route_table.h"

#include <utility>

namespace sluice::proxy {

BackendRoute* FrontendRoute::route_for(std::string_view server_name) const {
  const auto found = server_name.empty() ? std::nullopt : names.find(server_name);
  if (found) return routes[*found];
  return has_default ? backend : nullptr;
}

bool FrontendRoute::reaches(const BackendRoute& other) const noexcept {
  return backend == &other || std::find(routes.begin(), routes.end(), &other) != routes.end();
}

const char* mode_of(const FrontendRoute& frontend, TlsToServer server) noexcept {
  if (frontend.terminates_tls) return server == TlsToServer::kNever ? "offload" : "reencrypt";
  if (server == TlsToServer::kAlways) return "originate";
  return frontend.routes.empty() ? "plain" : "passthrough";
}

void RouteTable::add(std::unique_ptr<FrontendRoute> frontend) {
  for (const std::string& listen : frontend->listen) listeners_[listen] = frontend.get();
  frontends_.push_back(std::move(frontend));
}

void RouteTable::come_into_force() noexcept {
  for (const auto& frontend : frontends_) frontend->state->set_limit(frontend->max_sessions);
  for (const auto& backend : backends_) backend->balance.come_into_force();
}

FrontendRoute* RouteTable::find_listener(const std::string& listen) noexcept {
  const auto found = listeners_.find(listen);
  return found == listeners_.end() ? nullptr : found->second;
}

}  // namespace sluice::proxy
