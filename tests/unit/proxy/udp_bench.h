// UDP as a worker has it, on a loop of its own, with one frontend, one backend and real servers
// behind it. A test's own sockets block, with a deadline.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>

#include <optional>
#include <string>
#include <vector>

#include "proxy/udp_service.h"
#include "session_bench.h"
#include "sys/udp_socket.h"

namespace sluice::proxy {

/// What a test sends and receives with.
class UdpEnd {
 public:
  explicit UdpEnd(sys::Fd fd) : fd_(std::move(fd)) {}

  [[nodiscard]] Endpoint address() const { return sys::local_endpoint(fd_.get()); }
  void send(const std::string& text) const {
    EXPECT_EQ(::send(fd_.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  }
  void send_to(const Endpoint& to, const std::string& text) const {
    EXPECT_EQ(::sendto(fd_.get(), text.data(), text.size(), 0, to.data(), to.size()),
              static_cast<ssize_t>(text.size()));
  }
  /// Nothing when none comes within `patience`.
  std::optional<std::string> receive(std::chrono::milliseconds patience = reactor::kPatience) {
    pollfd wait{fd_.get(), POLLIN, 0};
    if (::poll(&wait, 1, static_cast<int>(patience.count())) != 1) return std::nullopt;
    std::string text(70'000, '\0');
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    const ssize_t got = ::recvfrom(fd_.get(), text.data(), text.size(), 0,
                                   reinterpret_cast<sockaddr*>(&from), &size);
    if (got < 0) return std::nullopt;
    from_ = Endpoint::from_sockaddr(from);
    text.resize(static_cast<std::size_t>(got));
    return text;
  }
  /// Whom the last datagram came from.
  [[nodiscard]] const Endpoint& from() const { return from_; }

 private:
  sys::Fd fd_;
  Endpoint from_;
};

/// Without UDP_GRO: datagrams arrive one by one, as ordinary programs have them.
inline UdpEnd make_udp_server() {
  sys::Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const Endpoint any = Endpoint::parse("127.0.0.1:0").value();
  EXPECT_EQ(::bind(fd.get(), any.data(), any.size()), 0);
  return UdpEnd(std::move(fd));
}
inline UdpEnd make_udp_client(const Endpoint& to) {
  sys::Fd fd(::socket(to.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::connect(fd.get(), to.data(), to.size()), 0);
  return UdpEnd(std::move(fd));
}

struct UdpParts final : private FlowRoom {
  explicit UdpParts(uring::Ring ring)
      : sessions(std::move(ring)),
        reactor(sessions.reactor),
        from_clients(
            value_or_throw(DatagramPool::create(reactor.ring(), DatagramPool::Source::kClients))),
        from_servers(
            value_or_throw(DatagramPool::create(reactor.ring(), DatagramPool::Source::kServers))),
        udp(reactor, {from_clients, from_servers}, sessions.sessions, *this) {}

  void on_turn_end() noexcept {
    sessions.on_turn_end();
    udp.end_turn();
  }
  [[nodiscard]] bool has_room() const noexcept override { return is_roomy; }
  void ask_others(const std::string&, std::uint64_t) noexcept override { ++wishes; }

  SessionParts sessions;
  reactor::Reactor& reactor;
  DatagramPool from_clients;
  DatagramPool from_servers;
  UdpService udp;
  bool is_roomy = true;
  int wishes = 0;
};

struct UdpSetup {
  std::vector<Endpoint> servers;
  UdpRules rules{std::chrono::minutes(1), 0, 1000};
  std::uint32_t retries = 3;
  std::size_t workers = 1;
  const char* listen = "127.0.0.1:0";
  std::vector<FlowHeader> headers{};
};

class UdpBench {
 public:
  explicit UdpBench(const UdpSetup& setup)
      : registry_(setup.workers), frontend_("dns", setup.workers) {
    backend_ = registry_.backend("resolvers");
    table_ = make_table(setup, 1);
    sys::Fd fd = value_or_throw(
        sys::bind_udp(Endpoint::parse(setup.listen).value(), sys::PortSharing::kShared));
    address_ = sys::local_endpoint(fd.get());
    loop_.run([&] {
      udp().add("udp front", std::move(fd), address_flows_);
      take(*table_);
    });
  }
  ~UdpBench() {
    kill({});
    loop_.run([this] { udp().stop_accepting(); });
    EXPECT_TRUE(loop_.wait_until([this] { return udp().is_idle(); }));
    EXPECT_EQ(backend_->sessions().value(), 0U);
    EXPECT_EQ(backend_->flows().value(), 0U);
    EXPECT_EQ(frontend_.sessions().value(), 0U);
    EXPECT_EQ(table_->sessions(), 0U);
  }

  std::unique_ptr<RouteTable> make_table(const UdpSetup& setup, std::uint64_t generation) {
    std::vector<balance::Candidate> candidates;
    for (std::size_t index = 0; index < setup.servers.size(); ++index) {
      servers_.push_back(registry_.server("resolvers", "r" + std::to_string(index + 1)));
      candidates.push_back({servers_.back().get(), 1, false, 0});
    }
    auto policy =
        value_or_throw(balance::make_policy("round_robin", {setup.workers, setup.servers.size()}));
    auto backend = std::make_unique<BackendRoute>(
        balance::Backend(*backend_, std::move(candidates), {}, std::move(policy)));
    backend->addresses = addresses_of(setup.servers);
    backend->retries = setup.retries;
    backend->udp = setup.rules;
    backend->flow_headers = setup.headers;
    auto frontend = std::make_unique<FrontendRoute>();
    frontend->state = &frontend_;
    frontend->backend = backend.get();
    frontend->protocol = FrontendProtocol::kUdp;
    frontend->listen = {"udp front"};
    auto table = std::make_unique<RouteTable>(generation);
    table->add(std::move(backend));
    table->add(std::move(frontend));
    return table;
  }

  RouteTable& table() { return *table_; }
  [[nodiscard]] UdpEnd client() const { return make_udp_client(address_); }
  std::uint64_t kill(const SessionFilter& filter) {
    return loop_.run([&] { return udp().flows().close(filter, CloseReason::kKilled); });
  }
  std::optional<SessionRecord> next_record() {
    std::optional<SessionRecord> record;
    static_cast<void>(loop_.wait_until([&] {
      record = loop_.parts().sessions.log.pop();
      return record.has_value();
    }));
    return record;
  }
  std::vector<SessionRow> rows() {
    return loop_.run([this] { return udp().flows().describe({}, 10'000); });
  }
  [[nodiscard]] bool wait_for(const stats::Counter UdpNumbers::*number, std::uint64_t value) {
    return loop_.wait_until([&] { return (udp().numbers().*number).value() >= value; });
  }
  [[nodiscard]] std::uint64_t number(const stats::Counter UdpNumbers::*number) {
    return (udp().numbers().*number).value();
  }

  /// The loop's thread only.
  void take(RouteTable& table) {
    loop_.parts().sessions.pins.swap(table);
    udp().take_table(table);
  }
  UdpService& udp() { return loop_.parts().udp; }
  reactor::LoopThread<UdpParts>& loop() { return loop_; }
  balance::ServerState& server(std::size_t index) { return *servers_[index]; }
  FrontendState& frontend() { return frontend_; }
  [[nodiscard]] const Endpoint& address() const { return address_; }
  /// Of the address, on all workers.
  stats::SharedGauge& address_flows() { return address_flows_; }

 private:
  balance::ServerRegistry registry_;
  std::shared_ptr<balance::BackendState> backend_;
  std::vector<std::shared_ptr<balance::ServerState>> servers_;
  FrontendState frontend_;
  std::unique_ptr<RouteTable> table_;
  Endpoint address_;
  stats::SharedGauge address_flows_;
  reactor::LoopThread<UdpParts> loop_;
};

/// One datagram there and its answer back; gives whether that worked.
inline bool asks(UdpEnd& client, UdpEnd& server, const std::string& text) {
  client.send(text);
  const auto question = server.receive();
  if (!question) return false;
  server.send_to(server.from(), "re " + *question);
  return client.receive() == "re " + text;
}

}  // namespace sluice::proxy
