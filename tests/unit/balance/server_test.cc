#include "balance/server.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <thread>

#include "balance/registry.h"

namespace sluice::balance {
namespace {

using namespace std::chrono_literals;

TEST(ServerRegistry, FindsTheSameStateByNameWhileSomebodyHoldsIt) {
  ServerRegistry registry(2);
  const auto app1 = registry.server("shop", "app1");
  EXPECT_EQ(registry.server("shop", "app1"), app1);
  EXPECT_NE(registry.server("shop", "app2"), app1);
  EXPECT_NE(registry.server("blog", "app1"), app1);
  EXPECT_EQ(&app1->backend(), registry.backend("shop").get());
  EXPECT_EQ(app1->slots().size(), 2U);
}

TEST(ServerRegistry, AStateThatATableStillHoldsGoesOnWhenItsNameComesBack) {
  ServerRegistry registry(1);
  auto old_table = registry.server("shop", "app1");
  old_table->session_began(0);
  registry.prune();
  EXPECT_EQ(registry.server("shop", "app1")->sessions().value(), 1U);
}

TEST(ServerRegistry, ForgetsWhatNobodyHolds) {
  ServerRegistry registry(1);
  auto app1 = registry.server("shop", "app1");
  app1->session_began(0);
  app1->session_ended();
  app1.reset();
  const auto app2 = registry.server("shop", "app2");
  EXPECT_EQ(registry.size(), 2U);
  registry.prune();
  EXPECT_EQ(registry.size(), 1U);
  EXPECT_EQ(registry.server("shop", "app1")->sessions().max(), 0U);
}

TEST(ServerRegistry, AServerKeepsItsBackendAlive) {
  ServerRegistry registry(1);
  auto app1 = registry.server("shop", "app1");
  registry.prune();
  app1->session_began(0);
  EXPECT_EQ(registry.backend("shop")->sessions().value(), 1U);
}

TEST(ServerState, CountsSessionsForItselfAndItsBackend) {
  ServerRegistry registry(2);
  const auto app1 = registry.server("shop", "app1");
  const auto app2 = registry.server("shop", "app2");
  app1->session_began(0);
  app1->session_began(1);
  app2->session_began(1);
  app1->session_ended();
  EXPECT_EQ(app1->sessions().value(), 1U);
  EXPECT_EQ(app1->sessions().max(), 2U);
  EXPECT_EQ(app1->slot(0).traffic.total.value(), 1U);
  EXPECT_EQ(app1->slot(1).traffic.total.value(), 1U);
  EXPECT_EQ(app1->backend().sessions().value(), 2U);
  EXPECT_EQ(app1->backend().sessions().max(), 3U);
}

TEST(ServerState, ChangesCountsOnlyGoingUpAndDown) {
  ServerRegistry registry(1);
  const auto server = registry.server("shop", "app1");
  const auto start = ServerState::Clock::time_point{} + 100s;
  const auto& backend = server->backend();

  server->start_checks({.fall = 2, .rise = 2}, start);
  server->on_check(CheckOutcome::kSuccess, "ok 0.1ms", start);
  server->on_check(CheckOutcome::kFailure, "connection refused", start + 1s);
  EXPECT_EQ(backend.changes(), 0U);
  EXPECT_EQ(server->check_text(), "connection refused");

  server->on_check(CheckOutcome::kFailure, "connection refused", start + 2s);
  EXPECT_EQ(backend.changes(), 1U);
  EXPECT_EQ(server->last_change(), start + 2s);
  EXPECT_FALSE(server->health().is_up());

  server->on_check(CheckOutcome::kSuccess, "ok 0.2ms", start + 3s);
  EXPECT_EQ(backend.changes(), 1U);
  server->on_check(CheckOutcome::kSuccess, "ok 0.2ms", start + 4s);
  EXPECT_EQ(backend.changes(), 2U);
  EXPECT_EQ(server->last_change(), start + 4s);
}

TEST(ServerState, StoppingTheChecksOfADownServerBringsItBack) {
  ServerRegistry registry(1);
  const auto server = registry.server("shop", "app1");
  server->start_checks({}, {});
  server->on_check(CheckOutcome::kFailure, "connection refused", {});
  server->stop_checks({});
  EXPECT_TRUE(server->health().is_up());
  EXPECT_EQ(server->backend().changes(), 2U);
  EXPECT_EQ(server->check_text(), "-");
}

TEST(ServerState, AWorkerThatSeesTheChangeSeesTheHealth) {
  ServerRegistry registry(1);
  const auto server = registry.server("shop", "app1");
  server->start_checks({.fall = 1, .rise = 1}, {});
  constexpr std::uint64_t kChanges = 20'001;
  std::thread control([&server] {
    for (std::uint64_t i = 0; i < kChanges; ++i) {
      server->on_check(i % 2 == 0 ? CheckOutcome::kFailure : CheckOutcome::kSuccess, "", {});
    }
  });
  std::uint64_t seen = 0;
  while (seen < kChanges) seen = server->backend().changes();
  EXPECT_FALSE(server->health().is_up());
  control.join();
}

}  // namespace
}  // namespace sluice::balance
