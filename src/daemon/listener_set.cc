#include "daemon/listener_set.h"

#include <algorithm>
#include <utility>

#include "sys/socket.h"

namespace sluice::daemon {
namespace {

constexpr std::chrono::seconds kReleaseTime{2};

}  // namespace

tl::expected<ListenerSet::Prepared, Diagnostics> ListenerSet::prepare(
    const Config& config, const std::string& file) const {
  Prepared prepared;
  prepared.by_worker.resize(workers_);
  Diagnostics diagnostics;
  for (std::size_t index = 0; index < config.frontends.size(); ++index) {
    for (const ListenAddress& address : config.frontends[index].listen) {
      if (open_.contains(address.text) || prepared.bound.contains(address.text)) continue;
      auto sockets = bind(address);
      if (!sockets) {
        diagnostics.push_back({file, address.position.line, address.position.column,
                               Severity::kError, "frontends[" + std::to_string(index) + "].listen",
                               sockets.error().text});
        continue;
      }
      prepared.bound[address.text] = sys::local_endpoint(sockets->front().get());
      for (std::size_t worker = 0; worker < workers_; ++worker) {
        prepared.by_worker[worker].push_back({address.text, std::move((*sockets)[worker])});
      }
    }
  }
  if (!diagnostics.empty()) return tl::unexpected(std::move(diagnostics));
  return prepared;
}

bool ListenerSet::is_port_ours(std::uint16_t port) const {
  // The workers close a socket a turn or two after they have let go of its address.
  const auto released = released_.find(port);
  if (released != released_.end() && base::Clock::now() - released->second < kReleaseTime) {
    return true;
  }
  return std::any_of(open_.begin(), open_.end(),
                     [&](const auto& entry) { return entry.second.port() == port; });
}

Result<std::vector<sys::Fd>> ListenerSet::bind(const ListenAddress& address) const {
  auto endpoint = Endpoint::from_ip(address.host, address.port);
  if (!endpoint) return tl::unexpected(endpoint.error());
  // SO_REUSEPORT lets any program of the same user share the port unseen: a first socket without it
  // finds out whether the address is free. One that only our own listeners overlap (0.0.0.0:80 and
  // 127.0.0.1:80) is.
  if (endpoint->port() != 0 && !is_port_ours(endpoint->port())) {
    const auto probe = sys::listen_tcp(*endpoint, sys::PortSharing::kExclusive, 1);
    if (!probe) return tl::unexpected(probe.error());
  }
  std::vector<sys::Fd> sockets;
  for (std::size_t worker = 0; worker < workers_; ++worker) {
    auto socket = sys::listen_tcp(*endpoint, sys::PortSharing::kShared, backlog_);
    if (!socket) return tl::unexpected(socket.error());
    *endpoint = sys::local_endpoint(socket->get());  // port 0: the same one for all
    sockets.push_back(std::move(*socket));
  }
  return sockets;
}

void ListenerSet::commit(const Config& config, const Prepared& prepared) {
  std::map<std::string, Endpoint> open;
  for (const FrontendConfig& frontend : config.frontends) {
    for (const ListenAddress& address : frontend.listen) {
      const auto fresh = prepared.bound.find(address.text);
      open[address.text] = fresh != prepared.bound.end() ? fresh->second : bound(address.text);
    }
  }
  for (const auto& [name, address] : open_) {
    if (!open.contains(name)) released_[address.port()] = base::Clock::now();
  }
  open_ = std::move(open);
}

Endpoint ListenerSet::bound(const std::string& name) const {
  const auto found = open_.find(name);
  return found == open_.end() ? Endpoint() : found->second;
}

}  // namespace sluice::daemon
