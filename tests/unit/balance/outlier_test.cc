#include "balance/outlier.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "test_backend.h"

namespace sluice::balance {
namespace {

using namespace std::chrono_literals;

constexpr OutlierRules kRules{3, 10s};
constexpr base::TimePoint kBegin{1000s};

TEST(StreakCounter, IsCompleteAfterSoManyFailuresAndToldOnce) {
  StreakCounter counter;
  EXPECT_FALSE(counter.fail(kRules, kBegin));
  EXPECT_FALSE(counter.fail(kRules, kBegin + 1s));
  const auto streak = counter.fail(kRules, kBegin + 3s);
  ASSERT_TRUE(streak);
  EXPECT_EQ(streak->failures, 3U);
  EXPECT_EQ(streak->within, 3s);
  EXPECT_TRUE(counter.is_given());
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(counter.fail(kRules, kBegin + 4s));
}

TEST(StreakCounter, ASuccessBreaksIt) {
  StreakCounter counter;
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(counter.fail(kRules, kBegin));
    EXPECT_FALSE(counter.fail(kRules, kBegin));
    EXPECT_FALSE(counter.succeed()) << "it was not complete";
  }
  EXPECT_FALSE(counter.succeed()) << "there is none";
}

TEST(StreakCounter, ASuccessAfterACompleteOneIsNews) {
  StreakCounter counter;
  for (int i = 0; i < 3; ++i) static_cast<void>(counter.fail(kRules, kBegin));
  EXPECT_TRUE(counter.succeed());
  EXPECT_FALSE(counter.is_given());
  EXPECT_FALSE(counter.succeed());
  for (int i = 0; i < 2; ++i) EXPECT_FALSE(counter.fail(kRules, kBegin));
  EXPECT_TRUE(counter.fail(kRules, kBegin));
}

TEST(StreakCounter, BeginsAnewBeyondTheWindow) {
  StreakCounter counter;
  EXPECT_FALSE(counter.fail(kRules, kBegin));
  EXPECT_FALSE(counter.fail(kRules, kBegin + 10s));
  EXPECT_FALSE(counter.fail(kRules, kBegin + 10s + 1ms)) << "the first is too long ago";
  EXPECT_FALSE(counter.fail(kRules, kBegin + 12s));
  EXPECT_TRUE(counter.fail(kRules, kBegin + 13s));
}

TEST(StreakCounter, OneFailureMayBeEnough) {
  StreakCounter counter;
  const auto streak = counter.fail({1, 10s}, kBegin);
  ASSERT_TRUE(streak);
  EXPECT_EQ(streak->within, 0s);
}

TEST(StreakCounter, NoFailsMeansOff) {
  StreakCounter counter;
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(counter.fail({0, 10s}, kBegin));
  EXPECT_FALSE(counter.succeed());
}

TEST(StreakCounter, IsToldOnceHoweverManyWorkersFailAtOnce) {
  for (int round = 0; round < 50; ++round) {
    StreakCounter counter;
    std::atomic<int> told{0};
    std::vector<std::thread> workers;
    for (int worker = 0; worker < 4; ++worker) {
      workers.emplace_back([&] {
        for (int i = 0; i < 100; ++i) told += counter.fail({300, 10s}, kBegin) ? 1 : 0;
      });
    }
    for (std::thread& worker : workers) worker.join();
    EXPECT_EQ(told, 1);
  }
}

TEST(EjectionHistory, GrowsWhileItFailsAgainSoon) {
  EjectionHistory history;
  base::TimePoint now = kBegin;
  for (std::uint32_t times = 1; times <= 15; ++times) {
    EXPECT_EQ(history.begin(30s, now), 30s * std::min(times, EjectionHistory::kLongest));
    now += 400s;
    history.end(now);
    now += 1s;
  }
}

TEST(EjectionHistory, ShrinksWithTimeThatTheServerIsBack) {
  EjectionHistory history;
  for (int i = 0; i < 4; ++i) {
    static_cast<void>(history.begin(30s, kBegin));
    history.end(kBegin);
  }
  EXPECT_EQ(history.begin(30s, kBegin + 65s), 90s) << "four, less two, and one more";
  history.end(kBegin + 200s);
  EXPECT_EQ(history.begin(30s, kBegin + 10'000s), 30s);
}

TEST(MayEject, KeepsToThePercentage) {
  EXPECT_FALSE(may_eject(1, 0, 50)) << "the only one stays";
  EXPECT_TRUE(may_eject(1, 0, 100));
  EXPECT_TRUE(may_eject(2, 0, 50));
  EXPECT_FALSE(may_eject(2, 1, 50));
  EXPECT_TRUE(may_eject(3, 0, 50));
  EXPECT_FALSE(may_eject(3, 1, 50));
  EXPECT_TRUE(may_eject(10, 4, 50));
  EXPECT_FALSE(may_eject(10, 5, 50));
  EXPECT_FALSE(may_eject(10, 0, 0));
}

// --- What it means for a backend ---

TEST(EjectedServers, AreLeftOutAndComeBack) {
  TestBackend backend("round_robin", servers_of_weights({1, 1, 1}));
  backend.server("b").eject("ejected", kBegin);
  EXPECT_EQ(backend.picks(6), "acacac");
  EXPECT_EQ(to_string(backend.server("b").health(), Duty::kServing), "DOWN");
  EXPECT_EQ(backend.server("b").check_text(), "ejected");
  EXPECT_EQ(backend.backend().availability().ejected, 1U);
  backend.server("b").readmit(kBegin);
  EXPECT_EQ(backend.spread(6)["b"], 2);
  EXPECT_EQ(backend.server("b").check_text(), "-");
}

TEST(EjectedServers, AreBetterThanNone) {
  TestBackend backend("round_robin", servers_of_weights({1, 1}));
  backend.server("a").eject("ejected", kBegin);
  EXPECT_EQ(backend.picks(3), "bbb");
  backend.set_down("b");
  EXPECT_EQ(backend.picks(3), "aaa");
  backend.set_up("b");
  backend.server("b").eject("ejected", kBegin);
  EXPECT_EQ(backend.spread(10).size(), 2U) << "both, as if neither were";
}

TEST(EjectedServers, DoNotCallTheStandby) {
  TestBackend backend("round_robin", {{"active"}, {.name = "spare", .is_passive = true}});
  backend.server("active").eject("ejected", kBegin);
  EXPECT_EQ(backend.pick(), "active");
  backend.set_down("active");
  EXPECT_EQ(backend.pick(), "spare") << "its checks do";
}

TEST(EjectedServers, StayOverAReloadByName) {
  TestBackend backend("round_robin", servers_of_weights({1, 1}));
  backend.server("a").eject("ejected", kBegin);
  backend.reload();
  EXPECT_EQ(backend.picks(3), "bbb");
}

TEST(EjectedServers, ChecksGoOnBesides) {
  TestBackend backend("round_robin", servers_of_weights({1, 1}));
  backend.server("a").eject("ejected", kBegin);
  backend.set_down("a");
  backend.server("a").readmit(kBegin);
  EXPECT_EQ(backend.picks(3), "bbb") << "still down by its checks";
  backend.set_up("a");
  EXPECT_EQ(backend.spread(4)["a"], 2);
}

struct Told final : ServerWatcher {
  void on_server_changed(ServerState& /*server*/) override {}
  void on_server_down(ServerState&) override { ++down; }
  void on_server_failing(ServerState&, const Streak& streak) noexcept override {
    ++failing;
    failures = streak.failures;
  }
  void on_server_serving(ServerState&) noexcept override { ++serving; }

  int down = 0;
  int failing = 0;
  int serving = 0;
  std::uint32_t failures = 0;
};

TEST(ServerState, TellsOfStreaksAndOfTheirEnd) {
  Told told;
  ServerRegistry registry(1, &told);
  const auto server = registry.server("shop", "app1");
  for (int i = 0; i < 10; ++i) server->note_failure(kRules, kBegin);
  EXPECT_EQ(told.failing, 1);
  EXPECT_EQ(told.failures, 3U);
  EXPECT_TRUE(server->is_failing());
  for (int i = 0; i < 10; ++i) server->note_success();
  EXPECT_EQ(told.serving, 1);
}

TEST(ServerState, ChecksThatFailedAndRecoveredEndAnEjection) {
  Told told;
  ServerRegistry registry(1, &told);
  const auto server = registry.server("shop", "app1");
  server->start_checks({.fall = 3, .rise = 2}, kBegin);
  server->on_check(CheckOutcome::kSuccess, "ok", kBegin);
  server->eject("ejected", kBegin);
  for (int i = 0; i < 5; ++i) server->on_check(CheckOutcome::kSuccess, "ok", kBegin);
  EXPECT_EQ(told.serving, 0) << "they never saw what the sessions saw";
  for (int i = 0; i < 3; ++i) server->on_check(CheckOutcome::kFailure, "refused", kBegin);
  server->on_check(CheckOutcome::kSuccess, "ok", kBegin);
  EXPECT_EQ(told.serving, 0) << "DOWN 1/2";
  server->on_check(CheckOutcome::kSuccess, "ok", kBegin);
  EXPECT_EQ(told.serving, 1);
  EXPECT_EQ(told.down, 1);
  server->readmit(kBegin);
  EXPECT_EQ(told.down, 1) << "an ejection is no going down";
}

}  // namespace
}  // namespace sluice::balance
