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

std::string shown_as(const ListenAddress& address, const Endpoint& bound) {
  if (address.last_port != 0) return address.text;
  if (address.kind == ListenKind::kUnix) return "unix:" + address.path;
  if (address.kind == ListenKind::kFd) return address.text + " (" + bound.to_string() + ')';
  return bound.to_string();
}

}  // namespace

std::vector<ListenAddress> each_port(const ListenAddress& address) {
  if (address.last_port == 0) return {address};
  const std::string host = address.text.substr(0, address.text.rfind(':') + 1);
  std::vector<ListenAddress> out;
  for (unsigned port = address.port; port <= address.last_port; ++port) {
    ListenAddress& one = out.emplace_back(address);
    one.text = host + std::to_string(port);
    one.port = static_cast<std::uint16_t>(port);
    one.last_port = 0;
  }
  return out;
}

std::string listener_name(const FrontendConfig& frontend, const ListenAddress& address) {
  // Another mode is no other socket.
  if (address.kind == ListenKind::kUnix) return "unix:" + address.path;
  return transport_of(frontend) == Transport::kUdp ? "udp " + address.text : address.text;
}

tl::expected<ListenerSet::Prepared, Diagnostics> ListenerSet::prepare(const Config& config,
                                                                      const std::string& file) {
  Prepared prepared;
  prepared.by_worker.resize(workers_);
  Diagnostics diagnostics;
  for (std::size_t index = 0; index < config.frontends.size(); ++index) {
    const FrontendConfig& frontend = config.frontends[index];
    for (const ListenAddress& listed : frontend.listen) {
      const Diagnostic place{file,
                             listed.position.line,
                             listed.position.column,
                             Severity::kError,
                             "frontends[" + std::to_string(index) + "].listen",
                             {}};
      for (const ListenAddress& address : each_port(listed)) {
        prepare(frontend, address, place, prepared, diagnostics);
      }
    }
  }
  if (!diagnostics.empty()) return tl::unexpected(std::move(diagnostics));
  return prepared;
}

void ListenerSet::prepare(const FrontendConfig& frontend, const ListenAddress& address,
                          const Diagnostic& place, Prepared& prepared, Diagnostics& diagnostics) {
  const std::string name = listener_name(frontend, address);
  if (open_.contains(name) || prepared.bound.contains(name)) return;
  const Transport transport = transport_of(frontend);
  auto sockets = open(address, transport);
  if (!sockets) {
    diagnostics.push_back(place);
    diagnostics.back().text = sockets.error().text;
    return;
  }
  prepared.bound[name] = sockets->bound;
  for (std::size_t worker = 0; worker < workers_; ++worker) {
    prepared.by_worker[worker].push_back(
        {name, std::move(sockets->by_worker[worker]), transport, &flows_[name]});
  }
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
    return Port(entry.second.transport, entry.second.bound.endpoint.port()) == port;
  });
}

Result<sys::Fd> ListenerSet::bind_one(const Endpoint& address, Transport transport,
                                      sys::PortSharing sharing) const {
  return transport == Transport::kUdp ? sys::bind_udp(address, sharing)
                                      : sys::listen_tcp(address, sharing, backlog_);
}

Result<ListenerSet::Sockets> ListenerSet::open(const ListenAddress& address,
                                               Transport transport) const {
  switch (address.kind) {
    case ListenKind::kIp:
      return bind(address, transport);
    case ListenKind::kUnix:
      return bind_path(address);
    case ListenKind::kFd:
      return inherit(address);
  }
  return bind(address, transport);
}

Result<ListenerSet::Sockets> ListenerSet::bind(const ListenAddress& address,
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
  Sockets sockets;
  for (std::size_t worker = 0; worker < workers_; ++worker) {
    auto socket = bind_one(*endpoint, transport, sys::PortSharing::kShared);
    if (!socket) return tl::unexpected(socket.error());
    *endpoint = sys::local_endpoint(socket->get());  // port 0: the same one for all
    sockets.by_worker.push_back(std::move(*socket));
  }
  sockets.bound.endpoint = *endpoint;
  return sockets;
}

Result<ListenerSet::Sockets> ListenerSet::bind_path(const ListenAddress& address) const {
  const std::size_t waiting = backlog_ * workers_;  // in the one queue of all
  auto made = sys::UnixListener::listen(
      address.path, {"cannot listen on", "choose another path", "another program", address.mode,
                     static_cast<int>(waiting)});
  if (!made) return tl::unexpected(made.error());
  Sockets sockets;
  sockets.bound.file = std::make_shared<sys::UnixListener>(std::move(*made));
  const sys::Fd own = sockets.bound.file->take_fd();
  for (std::size_t worker = 0; worker < workers_; ++worker) {
    auto fd = sys::duplicate(own.get());
    if (!fd) return tl::unexpected(fd.error());
    sockets.by_worker.push_back(std::move(*fd));
  }
  return sockets;
}

Result<ListenerSet::Sockets> ListenerSet::inherit(const ListenAddress& address) const {
  Sockets sockets;
  for (std::size_t worker = 0; worker < workers_; ++worker) {
    auto fd = inherited_.share(address.fd);
    if (!fd) return tl::unexpected(fd.error());
    sockets.by_worker.push_back(std::move(*fd));
  }
  sockets.bound.endpoint = sys::local_endpoint(sockets.by_worker.front().get());
  return sockets;
}

void ListenerSet::commit(const Config& config, const Prepared& prepared) {
  std::map<std::string, Open> open;
  for (const FrontendConfig& frontend : config.frontends) {
    for (const ListenAddress& listed : frontend.listen) {
      for (const ListenAddress& address : each_port(listed)) {
        const std::string name = listener_name(frontend, address);
        const auto fresh = prepared.bound.find(name);
        Bound bound = fresh != prepared.bound.end() ? fresh->second : open_.at(name).bound;
        if (bound.file) bound.file->set_mode(address.mode);
        const std::string text = shown_as(listed, bound.endpoint);
        open[name] = {transport_of(frontend), std::move(bound), text};
      }
    }
  }
  for (const auto& [name, known] : open_) {
    if (open.contains(name)) continue;
    released_[{known.transport, known.bound.endpoint.port()}] = base::Clock::now();
  }
  open_ = std::move(open);
}

Endpoint ListenerSet::bound(const std::string& name) const {
  const auto found = open_.find(name);
  return found == open_.end() ? Endpoint() : found->second.bound.endpoint;
}

std::string ListenerSet::shown(const std::string& name) const {
  const auto found = open_.find(name);
  return found == open_.end() ? "-" : found->second.shown;
}

}  // namespace sluice::daemon
