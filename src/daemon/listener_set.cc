#include "daemon/listener_set.h"

#include <algorithm>
#include <utility>

#include "sys/socket.h"
#include "sys/udp_socket.h"

namespace sluice::daemon {
namespace {

constexpr std::chrono::seconds kReleaseTime{2};

Transport transport_of(const FrontendConfig& frontend) noexcept {
  return frontend.protocol == Protocol::kUdp ? Transport::kUdp : Transport::kTcp;
}

}  // namespace

std::string listener_name(const FrontendConfig& frontend, const ListenAddress& address) {
  return transport_of(frontend) == Transport::kUdp ? "udp " + address.text : address.text;
}

tl::expected<ListenerSet::Prepared, Diagnostics> ListenerSet::prepare(const Config& config,
                                                                      const std::string& file) {
  Prepared prepared;
  prepared.by_worker.resize(workers_);
  Diagnostics diagnostics;
  for (std::size_t index = 0; index < config.frontends.size(); ++index) {
    const FrontendConfig& frontend = config.frontends[index];
    for (const ListenAddress& address : frontend.listen) {
      const std::string name = listener_name(frontend, address);
      if (open_.contains(name) || prepared.bound.contains(name)) continue;
      auto sockets = bind(address, transport_of(frontend));
      if (!sockets) {
        diagnostics.push_back({file, address.position.line, address.position.column,
                               Severity::kError, "frontends[" + std::to_string(index) + "].listen",
                               sockets.error().text});
        continue;
      }
      prepared.bound[name] = sys::local_endpoint(sockets->front().get());
      for (std::size_t worker = 0; worker < workers_; ++worker) {
        prepared.by_worker[worker].push_back(
            {name, std::move((*sockets)[worker]), transport_of(frontend), &flows_[name]});
      }
    }
  }
  if (!diagnostics.empty()) return tl::unexpected(std::move(diagnostics));
  return prepared;
}

bool ListenerSet::is_port_ours(Port port) const {
  // The workers close a TCP socket a turn or two after they have let go of its address, a UDP
  // socket when its last flow has ended.
  const auto released = released_.find(port);
  if (released != released_.end() &&
      (port.first == Transport::kUdp || base::Clock::now() - released->second < kReleaseTime)) {
    return true;
  }
  return std::any_of(open_.begin(), open_.end(), [&](const auto& entry) {
    return Port(entry.second.transport, entry.second.bound.port()) == port;
  });
}

Result<sys::Fd> ListenerSet::bind_one(const Endpoint& address, Transport transport,
                                      sys::PortSharing sharing) const {
  return transport == Transport::kUdp ? sys::bind_udp(address, sharing)
                                      : sys::listen_tcp(address, sharing, backlog_);
}

Result<std::vector<sys::Fd>> ListenerSet::bind(const ListenAddress& address,
                                               Transport transport) const {
  auto endpoint = Endpoint::from_ip(address.host, address.port);
  if (!endpoint) return tl::unexpected(endpoint.error());
  // SO_REUSEPORT lets any program of the same user share the port unseen: a first socket without it
  // finds out whether the address is free. One that only our own listeners overlap (0.0.0.0:80 and
  // 127.0.0.1:80) is.
  if (endpoint->port() != 0 && !is_port_ours({transport, endpoint->port()})) {
    const auto probe = bind_one(*endpoint, transport, sys::PortSharing::kExclusive);
    if (!probe) return tl::unexpected(probe.error());
  }
  std::vector<sys::Fd> sockets;
  for (std::size_t worker = 0; worker < workers_; ++worker) {
    auto socket = bind_one(*endpoint, transport, sys::PortSharing::kShared);
    if (!socket) return tl::unexpected(socket.error());
    *endpoint = sys::local_endpoint(socket->get());  // port 0: the same one for all
    sockets.push_back(std::move(*socket));
  }
  return sockets;
}

void ListenerSet::commit(const Config& config, const Prepared& prepared) {
  std::map<std::string, Open> open;
  for (const FrontendConfig& frontend : config.frontends) {
    for (const ListenAddress& address : frontend.listen) {
      const std::string name = listener_name(frontend, address);
      const auto fresh = prepared.bound.find(name);
      open[name] = {transport_of(frontend),
                    fresh != prepared.bound.end() ? fresh->second : bound(name)};
    }
  }
  for (const auto& [name, known] : open_) {
    if (open.contains(name)) continue;
    released_[{known.transport, known.bound.port()}] = base::Clock::now();
  }
  open_ = std::move(open);
}

Endpoint ListenerSet::bound(const std::string& name) const {
  const auto found = open_.find(name);
  return found == open_.end() ? Endpoint() : found->second.bound;
}

}  // namespace sluice::daemon
