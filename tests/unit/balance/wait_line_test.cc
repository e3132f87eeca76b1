#include "balance/wait_line.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "test_backend.h"

namespace sluice::balance {
namespace {

TEST(WaitLine, OldestTicketComesFirstOnWhicheverWorker) {
  WaitLine line(3);
  EXPECT_FALSE(line.oldest());
  line.set_oldest(2, 7);
  line.set_oldest(0, 9);
  ASSERT_TRUE(line.oldest());
  EXPECT_EQ(line.oldest()->worker, 2U);
  EXPECT_EQ(line.oldest()->ticket, 7U);
  EXPECT_EQ(line.oldest(7)->worker, 0U);
  EXPECT_FALSE(line.oldest(9));
  line.set_oldest(2, WaitLine::kNobody);
  EXPECT_EQ(line.oldest()->worker, 0U);
}

TEST(WaitLine, NewcomersComeAfterEverybody) {
  WaitLine line(2);
  EXPECT_FALSE(line.is_ahead_of(WaitLine::kNewcomer));
  line.enter();
  line.set_oldest(1, line.draw());
  EXPECT_TRUE(line.is_ahead_of(WaitLine::kNewcomer));
  EXPECT_TRUE(line.is_ahead_of(line.draw()));
  EXPECT_FALSE(line.is_ahead_of(line.oldest()->ticket));
  line.set_oldest(1, WaitLine::kNobody);
  line.leave();
  EXPECT_FALSE(line.is_ahead_of(WaitLine::kNewcomer));
}

TEST(ServerLimit, HoldsWhileAllWorkersTakeAtOnce) {
  constexpr std::uint32_t kWorkers = 4;
  constexpr std::uint32_t kLimit = 3;
  ServerRegistry registry(kWorkers);
  const auto server = registry.server("shop", "a");
  server->set_limit(kLimit);
  std::atomic<std::uint32_t> inside{0};
  std::atomic<bool> is_exceeded{false};
  std::atomic<std::uint64_t> taken{0};
  std::vector<std::thread> threads;
  for (std::uint32_t worker = 0; worker < kWorkers; ++worker) {
    threads.emplace_back([&, worker] {
      for (int round = 0; round < 20'000; ++round) {
        if (!server->take(worker, WaitLine::kNewcomer)) continue;
        taken.fetch_add(1);
        if (inside.fetch_add(1) + 1 > kLimit) is_exceeded = true;
        inside.fetch_sub(1);
        server->session_ended();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(is_exceeded);
  EXPECT_GT(taken, 0U);
  EXPECT_LE(server->sessions().max(), kLimit);
  EXPECT_EQ(server->sessions().value(), 0U);
  EXPECT_EQ(server->backend().sessions().value(), 0U);
}

TEST(ServerLimit, NewcomersDoNotTakeWhatOthersWaitFor) {
  ServerRegistry registry(1);
  const auto server = registry.server("shop", "a");
  server->set_limit(1);
  server->line().enter();
  server->line().set_oldest(0, 5);
  EXPECT_FALSE(server->take(0, WaitLine::kNewcomer));
  EXPECT_FALSE(server->take(0, 6));
  EXPECT_TRUE(server->is_below_limit());
  EXPECT_TRUE(server->take(0, 5));
  EXPECT_FALSE(server->is_below_limit());
  server->session_ended();
}

TEST(TakeOrWait, ServersUpToTheirLimitsThenTheLine) {
  TestBackend backend("round_robin",
                      {{.name = "a", .max_sessions = 2}, {.name = "b", .max_sessions = 1}});
  const Endpoint client;
  const PickContext wish{.client = client, .tried = {}};
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(backend.backend().take_or_wait(wish, std::nullopt));
  const auto taken = backend.backend().take_or_wait(wish, std::nullopt);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error(), &backend.backend().state().line());
  EXPECT_EQ(backend.server("a").sessions().value(), 2U);
  EXPECT_EQ(backend.server("b").sessions().value(), 1U);
}

TEST(TakeOrWait, WhoIsBoundWaitsForHisServer) {
  TestBackend backend("round_robin", {{.name = "a", .max_sessions = 1}, {"b"}});
  const Endpoint client;
  const PickContext wish{.client = client, .tried = {}};
  EXPECT_EQ(backend.backend().take_or_wait(wish, 0).value(), 0U);
  const auto taken = backend.backend().take_or_wait(wish, 0);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error(), &backend.server("a").line());
}

TEST(TakeOrWait, NothingToWaitForWhereAllAreDown) {
  TestBackend backend("round_robin", {{.name = "a", .max_sessions = 1}});
  backend.set_down("a");
  const Endpoint client;
  const auto taken = backend.backend().take_or_wait({.client = client, .tried = {}}, std::nullopt);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error(), nullptr);
}

TEST(TakeOrWait, NobodyOvertakesTheLine) {
  TestBackend backend("round_robin", {{.name = "a", .max_sessions = 2}});
  WaitLine& line = backend.backend().state().line();
  line.enter();
  line.set_oldest(0, 3);
  const Endpoint client;
  PickContext wish{.client = client, .tried = {}};
  EXPECT_FALSE(backend.backend().take_or_wait(wish, std::nullopt));
  wish.ticket = 3;
  EXPECT_TRUE(backend.backend().take_or_wait(wish, std::nullopt));
}

TEST(LinesWithRoom, OlderTicketFirst) {
  TestBackend backend("round_robin",
                      {{.name = "a", .max_sessions = 1}, {.name = "b", .max_sessions = 1}});
  BackendState& state = backend.backend().state();
  const auto due = [&] {
    std::vector<WaitLine*> lines;
    backend.backend().visit_lines_with_room(0, [&](WaitLine& line) { lines.push_back(&line); });
    return lines;
  };
  WaitLine& bound = backend.server("a").line();
  WaitLine& general = state.line();
  EXPECT_TRUE(due().empty());
  ASSERT_TRUE(state.waiting().up_below(10));
  ASSERT_TRUE(state.waiting().up_below(10));
  bound.enter();
  bound.set_oldest(0, 4);
  EXPECT_EQ(due(), std::vector<WaitLine*>{&bound});
  general.enter();
  general.set_oldest(0, 5);
  ASSERT_TRUE(backend.server("b").take(0, WaitLine::kNewcomer));
  EXPECT_EQ(due(), std::vector<WaitLine*>{&bound}) << "it has come earlier, and b is full";
  general.set_oldest(0, 3);
  EXPECT_EQ(due(), std::vector<WaitLine*>{&general});
  ASSERT_TRUE(backend.server("a").take(0, 3));
  EXPECT_TRUE(due().empty());
}

}  // namespace
}  // namespace sluice::balance
