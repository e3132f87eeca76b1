#include "proxy/udp_service.h"

#include <algorithm>
#include <utility>

namespace sluice::proxy {

UdpService::UdpService(reactor::Reactor& reactor, Pools pools, SessionSet& sessions, FlowRoom& room)
    : context_{reactor,
               pools.from_clients,
               pools.from_servers,
               sessions.context(),
               numbers_,
               replies_,
               0,
               false},
      flows_(context_, sessions, room) {}

void UdpService::add(std::string name, sys::Fd fd, stats::SharedGauge& flows) {
  const bool is_known = std::any_of(
      listeners_.begin(), listeners_.end(),
      [&](const UdpListener& each) { return each.name() == name && !each.is_closed(); });
  if (!is_known) listeners_.emplace_back(context_, flows_, std::move(name), std::move(fd), flows);
}

void UdpService::take_table(RouteTable& table) noexcept {
  for (UdpListener& listener : listeners_) {
    listener.set_route(table.find_listener(listener.name()));
  }
}

void UdpService::stop_accepting() noexcept {
  context_.is_stopping = true;
  for (UdpListener& listener : listeners_) listener.set_route(nullptr);
  flows_.review_quietness();
}

void UdpService::end_turn() noexcept {
  if (listeners_.empty()) return;
  flows_.flush();
  replies_.flush();
  context_.from_clients.recycle();
  context_.from_servers.recycle();
  flows_.end_turn();
  for (UdpListener& listener : listeners_) listener.end_turn();
  listeners_.remove_if([](const UdpListener& each) { return each.is_closed(); });
}

}  // namespace sluice::proxy
