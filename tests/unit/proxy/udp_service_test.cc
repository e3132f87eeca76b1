#include "proxy/udp_service.h"

#include "udp_bench.h"
#include "wire/proxy_header.h"

namespace sluice::proxy {
namespace {

using std::chrono::milliseconds;

Endpoint refusing_address() {
  return make_udp_server().address();  // closed again: nobody listens there
}

TEST(UdpService, CarriesQuestionsAndAnswersOverOneServerPort) {
  UdpEnd server = make_udp_server();
  UdpBench bench({{server.address()}});
  UdpEnd client = bench.client();
  ASSERT_TRUE(asks(client, server, "one"));
  const Endpoint port = server.from();
  ASSERT_TRUE(asks(client, server, "two"));
  EXPECT_EQ(server.from(), port) << "the flow keeps its port";
  UdpEnd other = bench.client();
  ASSERT_TRUE(asks(other, server, "three"));
  EXPECT_FALSE(server.from() == port) << "another client, another port";
  EXPECT_EQ(bench.rows().size(), 2U);
  EXPECT_EQ(bench.server(0).sessions().value(), 2U);
}

TEST(UdpService, CarriesEmptyAndLongestDatagrams) {
  UdpEnd server = make_udp_server();
  UdpBench bench({{server.address()}});
  UdpEnd client = bench.client();
  for (const std::size_t length : {std::size_t{0}, std::size_t{1}, std::size_t{65'507}}) {
    const std::string sent(length, 'x');
    client.send(sent);
    ASSERT_EQ(server.receive(), sent);
    server.send_to(server.from(), sent);
    ASSERT_EQ(client.receive(), sent);
  }
}

TEST(UdpService, KeepsDatagramsApartAndInOrderHoweverTheyAreJoined) {
  UdpEnd server = make_udp_server();
  UdpBench bench({{server.address()}});
  UdpEnd client = bench.client();
  std::vector<std::string> sent;
  bench.loop().run([&] {  // while the loop is held here they pile up: one turn takes all
    for (int number = 0; number < 150; ++number) {
      const int length = number % 10 < 7 ? 400 : number % 10;
      sent.push_back(std::string(static_cast<std::size_t>(length), 'a') + std::to_string(number));
      client.send(sent.back());
    }
  });
  for (const std::string& each : sent) ASSERT_EQ(server.receive(), each);
  const Endpoint port = server.from();
  bench.loop().run([&] {
    for (const std::string& each : sent) server.send_to(port, each);
  });
  for (const std::string& each : sent) ASSERT_EQ(client.receive(), each);
}

TEST(UdpService, AnswersFromTheAddressThatWasSpokenTo) {
  UdpEnd server = make_udp_server();
  UdpBench bench({.servers = {server.address()}, .listen = "0.0.0.0:0"});
  const std::uint16_t port = bench.address().port();
  UdpEnd client = make_udp_client(Endpoint::from_ip("127.0.0.9", port).value());
  EXPECT_TRUE(asks(client, server, "hello")) << "a connected socket takes no other's answer";
}

TEST(UdpService, SendsTheFirstDatagramToAnotherServerWhenOneRefuses) {
  UdpEnd server = make_udp_server();
  UdpBench bench({{refusing_address(), server.address()}});
  for (int number = 0; number < 4; ++number) {
    UdpEnd client = bench.client();
    ASSERT_TRUE(asks(client, server, std::to_string(number)));
  }
  EXPECT_EQ(bench.number(&UdpNumbers::refusals), 4U) << "the second pick is round robin's next";
  EXPECT_EQ(bench.server(0).slot(0).traffic.errors.value(), 4U);
  EXPECT_EQ(bench.server(0).slot(0).traffic.retries.value(), 4U);
  EXPECT_EQ(bench.server(0).sessions().value(), 0U);
  EXPECT_EQ(bench.server(1).sessions().value(), 4U);
}

TEST(UdpService, StaysWithTheOnlyServerThoughItRefuses) {
  const Endpoint address = refusing_address();
  UdpBench bench({{address}, {milliseconds(300), 0, 100}});
  UdpEnd client = bench.client();
  client.send("one");
  ASSERT_TRUE(bench.wait_for(&UdpNumbers::refusals, 1));
  const auto record = bench.next_record();
  ASSERT_TRUE(record);
  EXPECT_EQ(record->ending.reason, CloseReason::kConnectFailed);
  EXPECT_EQ(record->ending.side, Side::kServer);
  EXPECT_EQ(bench.frontend().traffic(0).errors.value(), 1U);
}

TEST(UdpService, AFlowThatWasAnsweredEndsWhenItsServerGoes) {
  std::optional<UdpEnd> server(make_udp_server());
  UdpEnd other = make_udp_server();
  UdpBench bench({{server->address(), other.address()}});
  UdpEnd client = bench.client();
  ASSERT_TRUE(asks(client, *server, "one"));
  server.reset();
  client.send("two");
  const auto record = bench.next_record();
  ASSERT_TRUE(record);
  EXPECT_EQ(record->ending.reason, CloseReason::kServerReset);
  EXPECT_TRUE(asks(client, other, "three")) << "the next datagram begins a new flow";
}

TEST(UdpService, EndsQuietFlowsAndBeginsNewOnes) {
  UdpEnd server = make_udp_server();
  UdpBench bench({{server.address()}, {milliseconds(150), 0, 100}});
  UdpEnd client = bench.client();
  ASSERT_TRUE(asks(client, server, "one"));
  const Endpoint port = server.from();
  const auto record = bench.next_record();
  ASSERT_TRUE(record);
  EXPECT_EQ(record->ending.reason, CloseReason::kIdleTimeout);
  EXPECT_EQ(record->bytes_in, 3U);
  EXPECT_EQ(record->bytes_out, 6U);
  EXPECT_GE(record->duration, milliseconds(150));
  ASSERT_TRUE(asks(client, server, "two"));
  EXPECT_FALSE(server.from() == port);
}

TEST(UdpService, EndsAFlowWhenEveryQuestionHasItsAnswers) {
  UdpEnd server = make_udp_server();
  UdpBench bench({{server.address()}, {std::chrono::minutes(1), 2, 100}});
  UdpEnd client = bench.client();
  client.send("question");
  ASSERT_TRUE(server.receive());
  server.send_to(server.from(), "first");
  ASSERT_EQ(client.receive(), "first");
  EXPECT_EQ(bench.rows().size(), 1U);
  server.send_to(server.from(), "second");
  ASSERT_EQ(client.receive(), "second") << "the last answer arrives";
  const auto record = bench.next_record();
  ASSERT_TRUE(record);
  EXPECT_EQ(record->ending.reason, CloseReason::kServerClosed);
}

TEST(UdpService, EvictsTheLongestIdleAndSparesClientsThatHaveSpokenAgain) {
  UdpEnd server = make_udp_server();
  UdpBench bench({{server.address()}, {std::chrono::minutes(1), 0, 4}});
  UdpEnd proven = bench.client();
  ASSERT_TRUE(asks(proven, server, "one"));
  ASSERT_TRUE(asks(proven, server, "two"));
  const Endpoint port = server.from();
  std::vector<UdpEnd> flood;
  for (int number = 0; number < 20; ++number) {
    flood.push_back(bench.client());
    flood.back().send("flood");
    ASSERT_EQ(server.receive(), "flood");
  }
  ASSERT_TRUE(bench.wait_for(&UdpNumbers::evicted, 17));
  EXPECT_EQ(bench.rows().size(), 4U);
  ASSERT_TRUE(asks(proven, server, "three"));
  EXPECT_EQ(server.from(), port) << "the flow lives";
  const auto record = bench.next_record();
  ASSERT_TRUE(record);
  EXPECT_EQ(record->ending.reason, CloseReason::kLimit);
  EXPECT_EQ(record->client, flood.front().address()) << "the longest idle one";
}

TEST(UdpService, AsksOtherWorkersForRoomBelowItsShare) {
  UdpEnd server = make_udp_server();
  UdpBench bench(
      {.servers = {server.address()}, .rules = {std::chrono::minutes(1), 0, 4}, .workers = 2});
  // Two flows of the backend are on another worker.
  for (int count = 0; count < 3; ++count) bench.server(0).backend().flows().up();
  std::vector<UdpEnd> clients;
  for (int number = 0; number < 3; ++number) {
    clients.push_back(bench.client());
    ASSERT_TRUE(asks(clients.back(), server, "hello"));
  }
  EXPECT_EQ(bench.loop().run([&] { return bench.loop().parts().wishes; }), 1)
      << "for the second flow; the third takes the first's place";
  EXPECT_EQ(bench.rows().size(), 2U);
  for (int count = 0; count < 3; ++count) bench.server(0).backend().flows().down();
}

TEST(UdpService, GivesRoomOnlyBeyondItsShare) {
  UdpEnd server = make_udp_server();
  UdpBench bench({{server.address()}});
  std::vector<UdpEnd> clients;
  for (int number = 0; number < 3; ++number) {
    clients.push_back(bench.client());
    ASSERT_TRUE(asks(clients.back(), server, "hello"));
  }
  bench.loop().run([&] { bench.udp().flows().give_room("resolvers", 3); });
  EXPECT_EQ(bench.rows().size(), 3U);
  bench.loop().run([&] { bench.udp().flows().give_room("another", 2); });
  EXPECT_EQ(bench.rows().size(), 3U);
  bench.loop().run([&] { bench.udp().flows().give_room("resolvers", 2); });
  EXPECT_EQ(bench.rows().size(), 2U);
}

TEST(UdpService, RefusesAFlowWhenTheProcessIsFull) {
  UdpEnd server = make_udp_server();
  UdpBench bench({{server.address()}});
  bench.loop().run([&] { bench.loop().parts().is_roomy = false; });
  UdpEnd client = bench.client();
  client.send("hello");
  ASSERT_TRUE(bench.wait_for(&UdpNumbers::unflowed, 1));
  EXPECT_EQ(bench.frontend().traffic(0).refused.value(), 1U);
  EXPECT_TRUE(bench.rows().empty());
  bench.loop().run([&] { bench.loop().parts().is_roomy = true; });
  EXPECT_TRUE(asks(client, server, "again"));
}

TEST(UdpService, KillsByServerAndByNumber) {
  UdpEnd server = make_udp_server();
  UdpBench bench({{server.address()}});
  UdpEnd one = bench.client();
  UdpEnd two = bench.client();
  ASSERT_TRUE(asks(one, server, "one"));
  ASSERT_TRUE(asks(two, server, "two"));
  const auto rows = bench.rows();
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].client, one.address().to_string());
  EXPECT_EQ(rows[0].state, "relaying");
  EXPECT_EQ(bench.kill({rows[0].id, {}, {}}), 1U);
  EXPECT_EQ(bench.kill({std::nullopt, "resolvers", "r2"}), 0U);
  EXPECT_EQ(bench.kill({std::nullopt, "resolvers", "r1"}), 1U);
  EXPECT_TRUE(bench.rows().empty());
}

TEST(UdpService, FlowsGoOnWhenTheirAddressIsGivenUpAndTakeItUpAgain) {
  UdpEnd server = make_udp_server();
  UdpBench bench({{server.address()}});
  RouteTable empty(2);
  auto back = bench.make_table({{server.address()}}, 3);
  UdpEnd old = bench.client();
  ASSERT_TRUE(asks(old, server, "one"));
  bench.loop().run([&] { bench.take(empty); });
  ASSERT_TRUE(asks(old, server, "two"));
  UdpEnd late = bench.client();
  late.send("refused");
  ASSERT_TRUE(bench.wait_for(&UdpNumbers::unflowed, 1));
  sys::Fd fresh = value_or_throw(sys::bind_udp(bench.address(), sys::PortSharing::kShared));
  bench.loop().run([&] {
    bench.udp().add("udp front", std::move(fresh), bench.address_flows());
    bench.take(*back);
  });
  EXPECT_TRUE(asks(late, server, "three"));
  EXPECT_TRUE(asks(old, server, "four"));
  bench.kill({});
  bench.loop().run([&] { bench.take(empty); });
  EXPECT_TRUE(bench.loop().wait_until([&] { return back->sessions() == 0; }));
}

TEST(UdpService, AnAddressStaysOpenWhileAnotherWorkerHasFlowsOfIt) {
  UdpBench bench({{make_udp_server().address()}});
  RouteTable empty(2);
  bench.address_flows().up();
  bench.loop().run([&] { bench.take(empty); });
  UdpEnd client = bench.client();
  client.send("received, and refused");
  ASSERT_TRUE(bench.wait_for(&UdpNumbers::unflowed, 1));
  EXPECT_FALSE(bench.loop().run([&] { return bench.udp().is_idle(); }));
  bench.address_flows().down();
  EXPECT_TRUE(bench.loop().wait_until([&] { return bench.udp().is_idle(); }));
  bench.loop().run([&] { bench.take(bench.table()); });
}

/// The PROXY header that a datagram begins with, and what follows it.
struct Headed {
  wire::ProxyVerdict verdict = wire::ProxyVerdict::kIncomplete;
  std::string unique_id;
  std::string rest;
};
Headed take_header(const std::optional<std::string>& datagram) {
  if (!datagram) return {};
  const auto read = wire::read_proxy_header(std::as_bytes(std::span(*datagram)));
  return {read.verdict, std::string(read.header.unique_id), datagram->substr(read.size)};
}

TEST(UdpService, PutsAHeaderBeforeAFlowsFirstDatagramOnly) {
  UdpEnd server = make_udp_server();
  UdpBench bench({.servers = {server.address()}, .headers = {FlowHeader::kProxyV2}});
  UdpEnd client = bench.client();
  bench.loop().run([&] {  // they are there together: those behind the first may be joined
    for (int number = 0; number < 20; ++number) client.send("same length");
  });
  const Headed first = take_header(server.receive());
  EXPECT_EQ(first.verdict, wire::ProxyVerdict::kComplete);
  EXPECT_EQ(first.unique_id, std::to_string(bench.rows().at(0).id));
  EXPECT_EQ(first.rest, "same length");
  for (int number = 1; number < 20; ++number) ASSERT_EQ(server.receive(), "same length");
  EXPECT_TRUE(asks(client, server, "later"));
}

TEST(UdpService, EachServerThatIsTriedGetsTheHeader) {
  UdpEnd server = make_udp_server();
  UdpBench bench({.servers = {refusing_address(), server.address()},
                  .headers = {FlowHeader::kNone, FlowHeader::kProxyV2}});
  for (int number = 0; number < 2; ++number) {
    UdpEnd client = bench.client();
    client.send("hello");
    const Headed first = take_header(server.receive());
    EXPECT_EQ(first.verdict, wire::ProxyVerdict::kComplete);
    EXPECT_EQ(first.rest, "hello");
    EXPECT_TRUE(asks(client, server, "again"));
  }
  EXPECT_GE(bench.number(&UdpNumbers::refusals), 1U);
}

TEST(UdpService, TheHeaderWaitsForADatagramThatFits) {
  UdpEnd server = make_udp_server();
  UdpBench bench({.servers = {server.address()}, .headers = {FlowHeader::kProxyV2}});
  UdpEnd client = bench.client();
  client.send(std::string(65'507, 'x'));
  ASSERT_TRUE(bench.wait_for(&UdpNumbers::oversize, 1));
  client.send("");
  const Headed first = take_header(server.receive());
  EXPECT_EQ(first.verdict, wire::ProxyVerdict::kComplete);
  EXPECT_EQ(first.rest, "");
  EXPECT_TRUE(asks(client, server, "again"));
}

TEST(UdpService, StoppingWaitsForBusyFlowsOnly) {
  UdpEnd server = make_udp_server();
  UdpBench bench({{server.address()}});
  UdpEnd client = bench.client();
  ASSERT_TRUE(asks(client, server, "one"));
  bench.loop().run([&] { bench.udp().stop_accepting(); });
  ASSERT_TRUE(asks(client, server, "two"));
  EXPECT_FALSE(bench.loop().run([&] { return bench.udp().is_idle(); }));
  EXPECT_TRUE(bench.loop().wait_until([&] { return bench.udp().is_idle(); }))
      << "it does not take the minute that its idle time is";
}

}  // namespace
}  // namespace sluice::proxy
