// Whole sessions over real sockets: how they connect, retry, time out and end. Needs io_uring.
#include "proxy/session.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <future>
#include <optional>
#include <utility>
#include <vector>

#include "no_descriptors.h"
#include "session_bench.h"

namespace sluice::proxy {
namespace {

using namespace std::chrono_literals;

/// A session between a client and a server, up and relaying.
struct Talk {
  Talk(SessionBench& bench, const TcpServer& listener)
      : client(bench.begin()), server(accept_from(listener)) {
    const Bytes hello(3);
    EXPECT_TRUE(send_all(client.get(), hello));
    EXPECT_EQ(receive_exactly(server.get(), 3).size(), 3U);
  }
  sys::Fd client;
  sys::Fd server;
};

// --- Connecting ---

TEST(Session, RelaysBothWaysAndEndsInOrder) {
  const TcpServer listener = make_server();
  SessionBench bench({.servers = {listener.address}});
  Talk talk(bench, listener);
  const Bytes question = random_bytes(1000, 1);
  const Bytes answer = random_bytes(2000, 2);
  ASSERT_TRUE(send_all(talk.client.get(), question));
  EXPECT_TRUE(receive_exactly(talk.server.get(), question.size()) == question);
  ASSERT_TRUE(send_all(talk.server.get(), answer));
  EXPECT_TRUE(receive_exactly(talk.client.get(), answer.size()) == answer);
  shut_down_writing(talk.client.get());
  EXPECT_EQ(receive_to_end(talk.server.get()).error, 0);
  shut_down_writing(talk.server.get());
  EXPECT_EQ(receive_to_end(talk.client.get()).error, 0);

  const auto record = bench.next_record();
  expect_ending(record, CloseReason::kClientClosed, Side::kClient);
  EXPECT_EQ(record->bytes_in, 1003U);
  EXPECT_EQ(record->bytes_out, 2000U);
  EXPECT_EQ(record->retries, 0U);
  EXPECT_EQ(record->server, &bench.server(0));
  EXPECT_EQ(record->server_address, listener.address);
  EXPECT_GT(record->connect_time.count(), 0);
  EXPECT_GE(record->duration, record->connect_time);
  EXPECT_FALSE(record->upstream_spliced);
}

TEST(Session, TheServerThatEndsFirstIsTheReason) {
  const TcpServer listener = make_server();
  SessionBench bench({.servers = {listener.address}});
  Talk talk(bench, listener);
  talk.server.reset();
  EXPECT_EQ(receive_to_end(talk.client.get()).error, 0);
  talk.client.reset();
  expect_ending(bench.next_record(), CloseReason::kServerClosed, Side::kServer);
}

TEST(Session, MovesOnToAnotherServerWhenOneRefuses) {
  const TcpServer refusing = make_refusing_server();
  const TcpServer listener = make_server();
  SessionBench bench({.servers = {refusing.address, listener.address}, .retries = 3});
  for (int count = 0; count < 4; ++count) {
    Talk talk(bench, listener);
  }
  std::uint32_t retries = 0;
  for (int count = 0; count < 4; ++count) {
    const auto record = bench.next_record();
    ASSERT_TRUE(record.has_value());
    EXPECT_EQ(record->server, &bench.server(1));
    retries += record->retries;
  }
  // Round robin counts the picks of retries too: at least every other session began at the bad one.
  EXPECT_GE(retries, 2U);
  EXPECT_EQ(bench.server(0).slot(0).traffic.errors.value(), retries);
  EXPECT_EQ(bench.server(0).slot(0).traffic.retries.value(), retries);
  EXPECT_EQ(bench.server(1).slot(0).traffic.errors.value(), 0U);
}

TEST(Session, FailsWhenEveryServerRefuses) {
  const TcpServer one = make_refusing_server();
  const TcpServer two = make_refusing_server();
  const TcpServer three = make_refusing_server();
  SessionBench bench({.servers = {one.address, two.address, three.address}, .retries = 2});
  const sys::Fd client = bench.begin();
  EXPECT_EQ(receive_to_end(client.get()).error, 0);
  const auto record = bench.next_record();
  expect_ending(record, CloseReason::kConnectFailed, Side::kServer);
  EXPECT_EQ(record->retries, 2U);
  EXPECT_EQ(record->connect_time.count(), 0);
  EXPECT_EQ(bench.frontend().traffic(0).errors.value(), 1U);
  for (std::size_t index = 0; index < 3; ++index) {
    EXPECT_EQ(bench.server(index).slot(0).traffic.errors.value(), 1U) << "each was tried once";
  }
}

TEST(Session, TriesTheOnlyServerAgainAfterAPause) {
  const TcpServer late = make_refusing_server();
  SessionBench bench({.servers = {late.address}, .retries = 1});
  const auto began = std::chrono::steady_clock::now();
  const sys::Fd client = bench.begin();
  ASSERT_TRUE(bench.loop().wait_until(
      [&] { return bench.server(0).slot(0).traffic.retries.value() == 1; }));
  ASSERT_EQ(::listen(late.fd.get(), 8), 0);
  const sys::Fd server = accept_from(late);
  EXPECT_TRUE(server.is_open());
  EXPECT_GE(std::chrono::steady_clock::now() - began, 1s);
}

TEST(Session, GivesUpOnAServerThatDoesNotAnswer) {
  const Blackhole blackhole = make_blackhole();
  SessionBench bench({.servers = {blackhole.server.address}, .connect = 60ms});
  const sys::Fd client = bench.begin();
  const auto record = bench.next_record();
  expect_ending(record, CloseReason::kConnectTimeout, Side::kServer);
  EXPECT_GE(record->duration, 60ms);
  EXPECT_EQ(receive_to_end(client.get()).error, 0);
}

TEST(Session, ATimedOutConnectMovesOnToo) {
  const Blackhole blackhole = make_blackhole();
  const TcpServer listener = make_server();
  SessionBench bench(
      {.servers = {blackhole.server.address, listener.address}, .retries = 1, .connect = 60ms});
  Talk talk(bench, listener);
  talk.client.reset();
  talk.server.reset();
  const auto record = bench.next_record();
  expect_ending(record, CloseReason::kClientClosed, Side::kClient);
  EXPECT_EQ(record->retries, 1U);
}

TEST(Session, EndsWithoutAServer) {
  const TcpServer listener = make_server();
  SessionBench bench({.servers = {listener.address}, .weight = 0});
  const sys::Fd client = bench.begin();
  EXPECT_EQ(receive_to_end(client.get()).error, 0);
  const auto record = bench.next_record();
  expect_ending(record, CloseReason::kNoServer, Side::kUs);
  EXPECT_EQ(record->server, nullptr);
  EXPECT_FALSE(record->server_address.is_specified());
}

// --- Time ---

TEST(Session, EndsWhenNothingHasMovedForLong) {
  const TcpServer listener = make_server();
  SessionBench bench({.servers = {listener.address}, .idle = 150ms});
  Talk talk(bench, listener);
  const auto record = bench.next_record();
  expect_ending(record, CloseReason::kIdleTimeout, Side::kUs);
  EXPECT_GE(record->duration, 150ms);
  EXPECT_EQ(receive_to_end(talk.client.get()).error, 0);
  EXPECT_EQ(receive_to_end(talk.server.get()).error, 0);
}

TEST(Session, BytesKeepItAlive) {
  const TcpServer listener = make_server();
  SessionBench bench({.servers = {listener.address}, .idle = 1s});
  Talk talk(bench, listener);
  const auto until = std::chrono::steady_clock::now() + 1500ms;
  while (std::chrono::steady_clock::now() < until) {
    ASSERT_TRUE(send_all(talk.server.get(), Bytes(1)));
    ASSERT_EQ(receive_exactly(talk.client.get(), 1).size(), 1U);
  }
  EXPECT_EQ(bench.rows().size(), 1U);
}

TEST(Session, AHalfClosedOneHasLessTime) {
  const TcpServer listener = make_server();
  SessionBench bench({.servers = {listener.address}, .idle = 1h, .half_closed = 120ms});
  Talk talk(bench, listener);
  shut_down_writing(talk.client.get());
  EXPECT_EQ(receive_to_end(talk.server.get()).error, 0);
  const auto record = bench.next_record();
  expect_ending(record, CloseReason::kHalfClosedTimeout, Side::kUs);
  EXPECT_GE(record->duration, 120ms);
}

TEST(Session, AHalfClosedOneStillCarriesTheOtherDirection) {
  const TcpServer listener = make_server();
  SessionBench bench({.servers = {listener.address}});
  Talk talk(bench, listener);
  shut_down_writing(talk.client.get());
  EXPECT_EQ(receive_to_end(talk.server.get()).error, 0);
  EXPECT_TRUE(bench.wait_for_state("half_closed"));
  const Bytes answer = random_bytes(2'000'000, 1);
  auto sent = std::async(std::launch::async, [&] { return send_all(talk.server.get(), answer); });
  EXPECT_TRUE(receive_exactly(talk.client.get(), answer.size()) == answer);
  EXPECT_TRUE(sent.get());
}

// --- Resets ---

TEST(Session, PassesTheClientsResetOn) {
  const TcpServer listener = make_server();
  SessionBench bench({.servers = {listener.address}});
  Talk talk(bench, listener);
  reset(talk.client);
  EXPECT_EQ(receive_to_end(talk.server.get()).error, ECONNRESET);
  expect_ending(bench.next_record(), CloseReason::kClientReset, Side::kClient);
}

TEST(Session, PassesTheServersResetOn) {
  const TcpServer listener = make_server();
  SessionBench bench({.servers = {listener.address}});
  Talk talk(bench, listener);
  reset(talk.server);
  EXPECT_EQ(receive_to_end(talk.client.get()).error, ECONNRESET);
  expect_ending(bench.next_record(), CloseReason::kServerReset, Side::kServer);
}

TEST(Session, PassesAResetOnBehindTheBytesBeforeIt) {
  const TcpServer listener = make_server();
  SessionBench bench({.servers = {listener.address}});
  Talk talk(bench, listener);
  // More than the client's and the server's buffers hold: part of it waits here. Nobody reads yet.
  const Bytes bytes = random_bytes(24 * 1024 * 1024, 3);
  std::size_t sent = 0;
  for (int still = 0; still < 5;) {
    const std::size_t more = send_some(talk.server.get(), bytes, sent);
    sent += more;
    static_cast<void>(bench.rows());  // a turn of the loop goes by
    still = more == 0 ? still + 1 : 0;
  }
  const auto taken = bench.rows().front().bytes_out;
  reset(talk.server);
  const Rest rest = receive_to_end(talk.client.get());
  EXPECT_EQ(rest.error, ECONNRESET);
  EXPECT_GE(rest.bytes.size(), taken);
  ASSERT_LE(rest.bytes.size(), bytes.size());
  EXPECT_TRUE(std::equal(rest.bytes.begin(), rest.bytes.end(), bytes.begin()));
  expect_ending(bench.next_record(), CloseReason::kServerReset, Side::kServer);
}

/// A session whose server has sent this much and then broken off, to a client that reads nothing:
/// the bytes wait in our socket and the session for their delivery.
struct Delivery {
  explicit Delivery(SessionBench& bench, const TcpServer& listener)
      : client(bench.begin(make_narrow_pair())), bytes(random_bytes(150'000, 5)) {
    sys::Fd server = accept_from(listener);
    EXPECT_TRUE(send_all(server.get(), bytes));
    EXPECT_TRUE(bench.loop().wait_until([&] {
      const auto rows = bench.sessions().describe({}, 1);
      return rows.size() == 1 && rows[0].bytes_out == bytes.size();
    }));
    reset(server);
    EXPECT_TRUE(bench.wait_for_state("closing"));
  }
  sys::Fd client;
  Bytes bytes;
};

TEST(Session, KeepsAResetBackUntilTheBytesBeforeItAreThere) {
  const TcpServer listener = make_server();
  SessionBench bench({.servers = {listener.address}});
  Delivery delivery(bench, listener);
  EXPECT_EQ(bench.rows().size(), 1U);
  const Rest rest = receive_to_end(delivery.client.get());
  EXPECT_TRUE(rest.bytes == delivery.bytes) << rest.bytes.size();
  EXPECT_EQ(rest.error, ECONNRESET);
  expect_ending(bench.next_record(), CloseReason::kServerReset, Side::kServer);
}

TEST(Session, IsKilledWhileItDelivers) {
  const TcpServer listener = make_server();
  SessionBench bench({.servers = {listener.address}});
  Delivery delivery(bench, listener);
  EXPECT_EQ(bench.kill({}), 1U);
  expect_ending(bench.next_record(), CloseReason::kServerReset, Side::kServer);
  EXPECT_TRUE(bench.rows().empty());
  EXPECT_EQ(receive_to_end(delivery.client.get()).error, ECONNRESET);
}

TEST(Session, OurOwnWantOfDescriptorsIsNotHeldAgainstTheServer) {
  if (kHasSanitizer) GTEST_SKIP() << "it needs descriptors of its own";
  const TcpServer listener = make_server();
  SessionBench bench({.servers = {listener.address}, .retries = 3});
  TcpPair pair = make_tcp_pair();
  sys::Fd client;
  {
    const NoDescriptors none;
    client = bench.begin(std::move(pair));
    expect_ending(bench.next_record(), CloseReason::kLimit, Side::kUs);
  }
  EXPECT_EQ(receive_to_end(client.get()).error, 0);
  EXPECT_EQ(bench.server(0).slot(0).traffic.errors.value(), 0U);
  Talk talk(bench, listener);
}

TEST(Session, AnAnswerBeforeAResetByAnotherEndArrives) {
  // The server answers and closes without having read the request: its kernel sends a reset behind
  // the answer, as with an HTTP server that refuses a large upload.
  const TcpServer listener = make_server();
  SessionBench bench({.servers = {listener.address}});
  Talk talk(bench, listener);
  ASSERT_TRUE(send_all(talk.client.get(), Bytes(100'000)));
  ASSERT_TRUE(bench.loop().wait_until([&] { return readable_bytes(talk.server.get()) > 0; }));
  const Bytes answer = random_bytes(5000, 4);
  ASSERT_TRUE(send_all(talk.server.get(), answer));
  talk.server.reset();
  EXPECT_TRUE(receive_to_end(talk.client.get()).bytes == answer);
}

// --- Ended from outside ---

TEST(Session, IsKilledWhileItRelays) {
  const TcpServer listener = make_server();
  SessionBench bench({.servers = {listener.address}});
  Talk talk(bench, listener);
  EXPECT_EQ(bench.kill({}), 1U);
  expect_ending(bench.next_record(), CloseReason::kKilled, Side::kUs);
  EXPECT_EQ(receive_to_end(talk.client.get()).error, 0);
  EXPECT_EQ(receive_to_end(talk.server.get()).error, 0);
}

TEST(Session, IsKilledInTheMiddleOfBulk) {
  const TcpServer listener = make_server();
  SessionBench bench({.servers = {listener.address}});
  Talk talk(bench, listener);
  const Bytes bytes = random_bytes(24 * 1024 * 1024, 3);
  std::size_t sent = 0;
  while (bench.rows().front().relay_in != "splice") {
    sent += send_some(talk.client.get(), bytes, sent);
    ASSERT_LT(sent, bytes.size());
  }
  EXPECT_EQ(bench.kill({}), 1U);
  const auto record = bench.next_record();
  expect_ending(record, CloseReason::kKilled, Side::kUs);
  EXPECT_TRUE(record->upstream_spliced);
  EXPECT_FALSE(record->downstream_spliced);
}

TEST(Session, IsKilledWhileItConnects) {
  const Blackhole blackhole = make_blackhole();
  SessionBench bench({.servers = {blackhole.server.address}, .connect = 1h});
  const sys::Fd client = bench.begin();
  EXPECT_TRUE(bench.wait_for_state("connecting"));
  EXPECT_EQ(bench.kill({}), 1U);
  expect_ending(bench.next_record(), CloseReason::kKilled, Side::kUs);
  EXPECT_EQ(receive_to_end(client.get()).error, 0);
}

TEST(Session, IsKilledWhileItPausesBeforeARetry) {
  const TcpServer refusing = make_refusing_server();
  SessionBench bench({.servers = {refusing.address}, .retries = 100});
  const sys::Fd client = bench.begin();
  ASSERT_TRUE(
      bench.loop().wait_until([&] { return bench.server(0).slot(0).traffic.retries.value() > 0; }));
  EXPECT_EQ(bench.kill({}), 1U);
  expect_ending(bench.next_record(), CloseReason::kKilled, Side::kUs);
  EXPECT_EQ(receive_to_end(client.get()).error, 0);
}

TEST(Session, IsKilledWhileAnEndIsPassedOn) {
  const TcpServer listener = make_server();
  SessionBench bench({.servers = {listener.address}});
  Talk talk(bench, listener);
  shut_down_writing(talk.server.get());
  EXPECT_EQ(receive_to_end(talk.client.get()).error, 0);
  EXPECT_EQ(bench.kill({}), 1U);
  expect_ending(bench.next_record(), CloseReason::kKilled, Side::kUs);
}

// --- The set of them ---

TEST(SessionSet, FindsSessionsByIdBackendAndServer) {
  const TcpServer one = make_server();
  const TcpServer two = make_server();
  SessionBench bench({.servers = {one.address, two.address}});
  Talk first(bench, one);
  Talk second(bench, two);
  const auto rows = bench.rows();
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_NE(rows[0].id, rows[1].id);
  const auto count = [&](const SessionFilter& filter) {
    return bench.loop().run([&] { return bench.sessions().count(filter); });
  };
  EXPECT_EQ(count({}), 2U);
  EXPECT_EQ(count({.id = rows[0].id, .backend = {}, .server = {}}), 1U);
  EXPECT_EQ(count({.id = {}, .backend = "shop", .server = {}}), 2U);
  EXPECT_EQ(count({.id = {}, .backend = "blog", .server = {}}), 0U);
  EXPECT_EQ(count({.id = {}, .backend = "shop", .server = "app2"}), 1U);
  EXPECT_EQ(bench.kill({.id = rows[1].id, .backend = {}, .server = {}}), 1U);
  ASSERT_TRUE(bench.loop().wait_until([&] { return bench.sessions().count() == 1; }));
  EXPECT_EQ(bench.rows().front().id, rows[0].id);
}

TEST(SessionSet, DescribesASession) {
  const TcpServer listener = make_server();
  SessionBench bench({.servers = {listener.address}});
  Talk talk(bench, listener);
  const auto rows = bench.rows();
  ASSERT_EQ(rows.size(), 1U);
  const SessionRow& row = rows.front();
  EXPECT_EQ(row.frontend, "web");
  EXPECT_EQ(row.backend, "shop");
  EXPECT_EQ(row.server, "app1");
  EXPECT_EQ(row.address, listener.address.to_string());
  EXPECT_EQ(row.state, "relaying");
  EXPECT_EQ(row.relay, "copy");
  EXPECT_EQ(row.bytes_in, 3U);
  EXPECT_EQ(row.generation, 1U);
  EXPECT_EQ(row.tls, "-");
}

TEST(SessionSet, GivesNoMoreRowsThanAskedForAndTheOldestFirst) {
  const TcpServer listener = make_server();
  SessionBench bench({.servers = {listener.address}});
  std::vector<Talk> talks;
  for (int count = 0; count < 5; ++count) talks.emplace_back(bench, listener);
  const auto rows = bench.loop().run([&] { return bench.sessions().describe({}, 3); });
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_LT(rows[0].id, rows[1].id);
  EXPECT_LT(rows[1].id, rows[2].id);
}

TEST(SessionSet, LogsNothingWhenLoggingIsOff) {
  const TcpServer listener = make_server();
  SessionBench bench({.servers = {listener.address}});
  bench.loop().run([&] { bench.sessions().set_logging(false); });
  { Talk talk(bench, listener); }
  ASSERT_TRUE(bench.loop().wait_until([&] { return bench.sessions().count() == 0; }));
  EXPECT_FALSE(bench.loop().parts().log.has_records());
  EXPECT_EQ(bench.sessions().context().reasons.value(CloseReason::kClientClosed, Side::kClient) +
                bench.sessions().context().reasons.value(CloseReason::kServerClosed, Side::kServer),
            1U);
}

TEST(SessionSet, ManyShortSessionsLeaveNothingBehind) {
  const TcpServer listener = make_server();
  SessionBench bench({.servers = {listener.address}});
  for (int round = 0; round < 150; ++round) {
    Talk talk(bench, listener);
    if (round % 3 == 0) reset(talk.client);
    if (round % 3 == 1) shut_down_writing(talk.server.get());
  }
  EXPECT_TRUE(bench.loop().wait_until([&] { return bench.sessions().count() == 0; }));
  EXPECT_EQ(bench.frontend().traffic(0).total.value(), 150U);
  EXPECT_EQ(bench.server(0).sessions().value(), 0U);
  EXPECT_EQ(bench.frontend().sessions().value(), 0U);
}

}  // namespace
}  // namespace sluice::proxy
