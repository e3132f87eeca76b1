// Sessions whose sockets belong to stages first. Needs io_uring.
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "line_stage.h"
#include "proxy/session.h"
#include "session_bench.h"
#include "spoken.h"

namespace sluice::proxy {
namespace {

using namespace std::chrono_literals;

std::vector<StageSequence> introduce_all(std::size_t servers, const LinePlan& plan) {
  std::vector<StageSequence> introductions;
  for (std::size_t index = 0; index < servers; ++index) {
    introductions.push_back(sequence_of(expect_line_of_server(plan)));
  }
  return introductions;
}

// --- Greeting ---

TEST(SessionGreeting, WhatAStageDidNotUseIsRelayedFirst) {
  const TcpServer listener = make_server();
  SessionBench bench(
      {.servers = {listener.address}, .greeting = sequence_of(expect_line_of_client())});
  const sys::Fd client = bench.begin();
  EXPECT_EQ(bench.rows().at(0).state, "greeting");
  say(client, "ok\nfirst");
  const sys::Fd server = accept_from(listener);
  EXPECT_EQ(hear(server, 5), "first");
  say(client, "second");
  EXPECT_EQ(hear(server, 6), "second");
  const auto row = bench.rows().at(0);
  EXPECT_EQ(row.state, "relaying");
  EXPECT_EQ(row.bytes_in, 11U) << "the line itself is not relayed";
}

TEST(SessionGreeting, ArrivesInPieces) {
  const TcpServer listener = make_server();
  SessionBench bench(
      {.servers = {listener.address}, .greeting = sequence_of(expect_line_of_client())});
  const sys::Fd client = bench.begin();
  for (const std::string_view piece : {"o", "k", "\n"}) {
    say(client, piece);
    EXPECT_TRUE(bench.wait_for_state(piece == "\n" ? "relaying" : "greeting"));
  }
}

TEST(SessionGreeting, StagesFollowEachOtherOverTheSameBytes) {
  const TcpServer listener = make_server();
  SessionBench bench(
      {.servers = {listener.address},
       .greeting =
           sequence_of(expect_line_of_client({.wanted = "one\n"}), std::make_unique<NoStageMaker>(),
                       expect_line_of_client({.wanted = "two\n", .keeps_waiting = true}))});
  const sys::Fd client = bench.begin();
  say(client, "one\ntw");
  say(client, "o\nrest");
  EXPECT_EQ(hear(accept_from(listener), 4), "rest");
}

TEST(SessionGreeting, OneThatIsDoneIsWaitedForUntilItIsQuiet) {
  const TcpServer listener = make_server();
  SessionBench bench({.servers = {listener.address},
                      .greeting = sequence_of(expect_line_of_client({.keeps_waiting = true}))});
  const sys::Fd client = bench.begin();
  say(client, "ok\n");
  EXPECT_TRUE(bench.wait_for_state("relaying"));
  say(client, "more");
  EXPECT_EQ(hear(accept_from(listener), 4), "more");
}

TEST(SessionGreeting, AStageThatFailsEndsTheSessionBeforeAnyServer) {
  const TcpServer listener = make_server();
  SessionBench bench(
      {.servers = {listener.address}, .greeting = sequence_of(expect_line_of_client())});
  const sys::Fd client = bench.begin();
  say(client, "no\n");
  const auto record = bench.next_record();
  expect_ending(record, CloseReason::kProxyHeaderInvalid, Side::kClient);
  EXPECT_EQ(record->server, nullptr);
  EXPECT_EQ(receive_to_end(client.get()).error, 0);
  EXPECT_EQ(bench.server(0).slot(0).traffic.total.value(), 0U);
  EXPECT_EQ(bench.frontend().traffic(0).errors.value(), 1U);
}

TEST(SessionGreeting, TakesNoLongerThanTheStagesLimit) {
  const TcpServer listener = make_server();
  SessionBench bench({.servers = {listener.address},
                      .greeting = sequence_of(expect_line_of_client(
                          {.limit = {60ms, {CloseReason::kSniTimeout, Side::kClient}}}))});
  const sys::Fd client = bench.begin();
  say(client, "o");
  const auto record = bench.next_record();
  expect_ending(record, CloseReason::kSniTimeout, Side::kClient);
  EXPECT_GE(record->duration, 60ms);
}

TEST(SessionGreeting, CanBeKilled) {
  const TcpServer listener = make_server();
  SessionBench bench(
      {.servers = {listener.address}, .greeting = sequence_of(expect_line_of_client())});
  const sys::Fd client = bench.begin();
  EXPECT_EQ(bench.kill({}), 1U);
  expect_ending(bench.next_record(), CloseReason::kKilled, Side::kUs);
}

TEST(SessionGreeting, WhatItFoundOutCounts) {
  const TcpServer listener = make_server();
  const Endpoint found = *Endpoint::parse("192.0.2.7:1234");
  LinePlan plan;
  plan.when_done = [&found](Findings& findings) { findings.client = found; };
  SessionBench bench(
      {.servers = {listener.address}, .greeting = sequence_of(expect_line_of_client(plan))});
  const sys::Fd client = bench.begin();
  say(client, "ok\n");
  ASSERT_TRUE(bench.wait_for_state("relaying"));
  EXPECT_EQ(bench.rows().at(0).client, "192.0.2.7:1234");
}

TEST(SessionGreeting, ItsTimeIsNotPartOfTheConnectTime) {
  const TcpServer listener = make_server();
  SessionBench bench(
      {.servers = {listener.address}, .greeting = sequence_of(expect_line_of_client())});
  sys::Fd client = bench.begin();
  const auto began = std::chrono::steady_clock::now();
  ASSERT_TRUE(
      bench.loop().wait_until([&] { return std::chrono::steady_clock::now() - began > 50ms; }));
  say(client, "ok\n");
  sys::Fd server = accept_from(listener);
  client.reset();
  server.reset();
  const auto record = bench.next_record();
  ASSERT_TRUE(record.has_value());
  EXPECT_GE(record->duration, record->connect_time + 50ms);
}

// --- Introducing ---

TEST(SessionIntroduction, ComesBeforeTheClientsBytes) {
  const TcpServer listener = make_server();
  SessionBench bench(
      {.servers = {listener.address}, .introductions = introduce_all(1, {.says = "hello\n"})});
  const sys::Fd client = bench.begin();
  say(client, "question");
  const sys::Fd server = accept_from(listener);
  EXPECT_EQ(hear(server, 6), "hello\n");
  EXPECT_EQ(bench.rows().at(0).state, "connecting");
  say(server, "ok\nanswer");
  EXPECT_EQ(hear(client, 6), "answer") << "what was read behind the line goes first";
  EXPECT_EQ(hear(server, 8), "question");
  EXPECT_EQ(bench.rows().at(0).bytes_out, 6U);
}

TEST(SessionIntroduction, AServerThatFailsItIsLeftForAnother) {
  const TcpServer one = make_server();
  const TcpServer two = make_server();
  SessionBench bench({.servers = {one.address, two.address},
                      .retries = 1,
                      .introductions = introduce_all(2, {.says = "hello\n"})});
  const sys::Fd client = bench.begin();
  sys::Fd first = accept_from(one);
  say(first, "no\n");
  const sys::Fd second = accept_from(two);
  EXPECT_EQ(hear(second, 6), "hello\n");
  say(second, "ok\n");
  ASSERT_TRUE(bench.wait_for_state("relaying"));
  EXPECT_EQ(bench.server(0).slot(0).traffic.errors.value(), 1U);
  EXPECT_EQ(bench.server(0).slot(0).traffic.retries.value(), 1U);
  EXPECT_EQ(bench.server(0).sessions().value(), 0U);
  EXPECT_EQ(receive_to_end(first.get()).error, 0);
}

TEST(SessionIntroduction, WithoutAnotherServerItsFailureIsTheEnd) {
  const TcpServer listener = make_server();
  SessionBench bench({.servers = {listener.address}, .introductions = introduce_all(1, {})});
  const sys::Fd client = bench.begin();
  const sys::Fd server = accept_from(listener);
  say(server, "no\n");
  const auto record = bench.next_record();
  expect_ending(record, CloseReason::kVerifyFailed, Side::kServer);
  EXPECT_EQ(record->connect_time.count(), 0);
}

TEST(SessionIntroduction, IsTriedAgainOnTheOnlyServerAfterAPause) {
  const TcpServer listener = make_server();
  SessionBench bench(
      {.servers = {listener.address}, .retries = 1, .introductions = introduce_all(1, {})});
  const sys::Fd client = bench.begin();
  const auto began = std::chrono::steady_clock::now();
  say(accept_from(listener), "no\n");
  const sys::Fd server = accept_from(listener);
  EXPECT_GE(std::chrono::steady_clock::now() - began, 1s);
  say(server, "ok\n");
  EXPECT_TRUE(bench.wait_for_state("relaying"));
}

TEST(SessionIntroduction, ASlowServerIsLeftToo) {
  const TcpServer one = make_server();
  const TcpServer two = make_server();
  const Stage::TimeLimit limit{60ms, {CloseReason::kHandshakeTimeout, Side::kServer}};
  SessionBench bench({.servers = {one.address, two.address},
                      .retries = 1,
                      .introductions = introduce_all(2, {.limit = limit, .keeps_waiting = true})});
  const sys::Fd client = bench.begin();
  const sys::Fd first = accept_from(one);
  const sys::Fd second = accept_from(two);
  say(second, "ok\n");
  EXPECT_TRUE(bench.wait_for_state("relaying"));
}

}  // namespace
}  // namespace sluice::proxy
