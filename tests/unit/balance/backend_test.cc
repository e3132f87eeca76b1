#include "balance/backend.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "allocations.h"
#include "test_backend.h"

namespace sluice::balance {
namespace {

/// What holds for each policy.
class EveryPolicy : public testing::TestWithParam<std::string> {};

std::set<std::string> names_picked(TestBackend& backend) {
  std::set<std::string> names;
  for (int i = 0; i < 60; ++i) names.insert(backend.pick());
  return names;
}

/// Three active and two passive servers, so many of each up: who has to take the traffic.
std::set<std::string> expected_names(int active_up, int passive_up, BackendRules rules) {
  if (active_up + passive_up == 0) {
    if (rules.all_down == WhenAllDown::kReject) return {"-"};
    active_up = 3;
    passive_up = 2;
  }
  std::set<std::string> names;
  for (int i = 0; i < active_up; ++i) names.insert("active" + std::to_string(i));
  if (static_cast<std::uint32_t>(active_up) < rules.standby_min_active) {
    for (int i = 0; i < passive_up; ++i) names.insert("passive" + std::to_string(i));
  }
  return names.empty() ? std::set<std::string>{"-"} : names;
}

std::vector<ServerSpec> three_active_two_passive() {
  return {{"active0"},
          {.name = "passive0", .is_passive = true},
          {"active1"},
          {"active2"},
          {.name = "passive1", .is_passive = true}};
}

TEST_P(EveryPolicy, PassiveServersStepInAsTheRulesSay) {
  for (const auto all_down : {WhenAllDown::kReject, WhenAllDown::kTryAnyway}) {
    for (std::uint32_t min_active = 1; min_active <= 4; ++min_active) {
      const BackendRules rules{.all_down = all_down, .standby_min_active = min_active};
      TestBackend backend(GetParam(), three_active_two_passive(), rules);
      for (int active_up = 0; active_up <= 3; ++active_up) {
        for (int passive_up = 0; passive_up <= 2; ++passive_up) {
          for (int i = 0; i < 3; ++i) {
            const auto name = "active" + std::to_string(i);
            i < active_up ? backend.set_up(name) : backend.set_down(name);
          }
          for (int i = 0; i < 2; ++i) {
            const auto name = "passive" + std::to_string(i);
            i < passive_up ? backend.set_up(name) : backend.set_down(name);
          }
          EXPECT_EQ(names_picked(backend), expected_names(active_up, passive_up, rules))
              << active_up << " active and " << passive_up << " passive up, standby_min_active "
              << min_active;
        }
      }
    }
  }
}

TEST_P(EveryPolicy, WithStandbyMinActiveZeroPassiveServersNeverStepIn) {
  TestBackend backend(GetParam(), {{"a"}, {.name = "p", .is_passive = true}},
                      {.standby_min_active = 0});
  backend.set_down("a");
  EXPECT_EQ(backend.pick(), "-");
}

TEST_P(EveryPolicy, WeightZeroGetsNothingAndDoesNotCountAsActive) {
  TestBackend backend(GetParam(), {{.name = "zero", .weight = 0},
                                   {.name = "p", .is_passive = true},
                                   {.name = "p0", .weight = 0, .is_passive = true}});
  EXPECT_EQ(names_picked(backend), std::set<std::string>{"p"});
  backend.set_down("p");
  EXPECT_EQ(backend.pick(), "-");
}

TEST_P(EveryPolicy, WeightZeroGetsNothingEvenWhenAllAreDown) {
  TestBackend backend(GetParam(), {{.name = "zero", .weight = 0}, {"a"}},
                      {.all_down = WhenAllDown::kTryAnyway});
  backend.set_down("zero");
  backend.set_down("a");
  EXPECT_EQ(names_picked(backend), std::set<std::string>{"a"});
}

TEST_P(EveryPolicy, ABackendWithoutServersPicksNone) {
  TestBackend backend(GetParam(), {});
  EXPECT_EQ(backend.pick(), "-");
}

TEST_P(EveryPolicy, HealthActsOnTheNextPickOfEveryWorker) {
  TestBackend backend(GetParam(), servers_of_weights({1, 1}), {}, 3);
  for (std::uint32_t worker = 0; worker < 3; ++worker) backend.picks(4, worker);
  backend.set_down("a");
  for (std::uint32_t worker = 0; worker < 3; ++worker) {
    EXPECT_EQ(backend.picks(4, worker), "bbbb");
  }
  backend.set_up("a");
  for (std::uint32_t worker = 0; worker < 3; ++worker) {
    const std::string sequence = backend.picks(64, worker);
    EXPECT_NE(sequence.find('a'), std::string::npos);
    EXPECT_NE(sequence.find('b'), std::string::npos);
  }
}

TEST_P(EveryPolicy, ATriedServerIsNotPickedWhileAnUntriedOneIsOpen) {
  TestBackend backend(GetParam(), servers_of_weights({250, 1, 1, 9}));
  backend.set_down("d");
  for (int i = 0; i < 100; ++i) {
    EXPECT_NE(backend.pick({"a"}), "a");
    EXPECT_EQ(backend.pick({"a", "b"}), "c");
    EXPECT_EQ(backend.pick({"c", "a"}), "b");
  }
}

TEST_P(EveryPolicy, WhenAllWereTriedTheLastOneIsStillAvoided) {
  TestBackend backend(GetParam(), servers_of_weights({9, 1, 1}));
  for (int i = 0; i < 100; ++i) EXPECT_NE(backend.pick({"b", "c", "a"}), "a");
  EXPECT_EQ(backend.pick({"b", "c", "a"}).size(), 1U);
}

TEST_P(EveryPolicy, ALoneServerIsTriedAgain) {
  TestBackend backend(GetParam(), servers_of_weights({1, 1}));
  backend.set_down("b");
  EXPECT_EQ(backend.pick({"a"}), "a");
  EXPECT_EQ(backend.pick({"a", "a"}), "a");
}

TEST_P(EveryPolicy, AnIdlePassiveServerIsNoRefugeForARetry) {
  TestBackend backend(GetParam(), {{"a"}, {.name = "p", .is_passive = true}});
  EXPECT_EQ(backend.pick({"a"}), "a");
  backend.set_down("a");
  EXPECT_EQ(backend.pick({"a"}), "p");
}

TEST_P(EveryPolicy, AFullServerIsPassedOver) {
  TestBackend backend(GetParam(), {{.name = "a", .weight = 200, .max_sessions = 2},
                                   {.name = "b", .max_sessions = 1}});
  backend.server("a").session_began(0);
  EXPECT_EQ(backend.pick({"b"}), "a");
  backend.server("a").session_began(0);
  EXPECT_EQ(names_picked(backend), std::set<std::string>{"b"});
  backend.server("b").session_began(0);
  EXPECT_EQ(backend.pick(), "full");
  EXPECT_EQ(backend.pick({"a", "b"}), "full");
  backend.server("b").session_ended();
  EXPECT_EQ(backend.pick(), "b");
  EXPECT_EQ(backend.pick({"b"}), "b");
}

TEST_P(EveryPolicy, PicksAllocateNothing) {
  std::vector<ServerSpec> specs;
  for (int i = 0; i < 500; ++i) {
    specs.push_back({.name = "s" + std::to_string(i),
                     .weight = static_cast<std::uint16_t>(i % 257),
                     .is_passive = i % 7 == 0,
                     .max_sessions = i % 5 == 0 ? 1U : 0U});
  }
  TestBackend backend(GetParam(), specs, {.standby_min_active = 400});
  const Endpoint client;
  const std::vector<std::uint32_t> tried{3, 4};
  for (int i = 0; i < 200; ++i) {
    const std::string name = "s" + std::to_string(i * 31 % 500);
    i % 2 == 0 ? backend.set_down(name) : backend.set_up(name);
    const auto before = allocations();
    for (int pick = 0; pick < 5; ++pick) {
      ASSERT_TRUE(backend.backend().pick({.worker = 0, .client = client, .tried = tried}));
    }
    ASSERT_EQ(allocations(), before);
  }
}

TEST_P(EveryPolicy, WorkersPickWhileHealthChanges) {
  TestBackend backend(GetParam(), servers_of_weights({1, 2, 3, 1}), {}, 2);
  std::atomic<bool> is_done{false};
  std::atomic<int> none_picked{0};
  std::vector<std::thread> threads;
  for (std::uint32_t number = 0; number < 2; ++number) {
    threads.emplace_back([&, number] {
      const Endpoint client;
      while (!is_done.load()) {
        const auto picked =
            backend.backend().pick({.worker = number, .client = client, .tried = {}});
        if (!picked) {
          ++none_picked;
          continue;
        }
        ServerState& server = *backend.backend().candidate(*picked).state;
        server.session_began(number);
        server.session_ended();
      }
    });
  }
  for (int i = 0; i < 3000; ++i) {
    const std::string name(1, "abc"[i % 3]);  // d stays up
    i % 2 == 0 ? backend.set_down(name) : backend.set_up(name);
  }
  for (const char* name : {"a", "b", "c"}) backend.set_down(name);
  is_done = true;
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(none_picked.load(), 0);
  EXPECT_EQ(backend.picks(5, 0), "ddddd");
  EXPECT_EQ(backend.picks(5, 1), "ddddd");
  EXPECT_EQ(backend.backend().state().sessions().value(), 0U);
}

TEST_P(EveryPolicy, OrdersActOnTheNextPickOfEveryWorker) {
  TestBackend backend(GetParam(), servers_of_weights({1, 1, 1}),
                      {.all_down = WhenAllDown::kTryAnyway}, 2);
  EXPECT_EQ(names_picked(backend), (std::set<std::string>{"a", "b", "c"}));
  backend.server("a").set_orders({Order::kDrain, {}}, {});
  backend.server("b").set_orders({Order::kMaintenance, {}}, {});
  for (std::uint32_t worker = 0; worker < 2; ++worker) EXPECT_EQ(backend.picks(4, worker), "cccc");
  backend.set_down("c");
  EXPECT_EQ(names_picked(backend), std::set<std::string>{"c"}) << "an order outdoes all_down";
  backend.set_up("c");
  backend.server("a").set_orders({}, {});
  EXPECT_EQ(names_picked(backend), (std::set<std::string>{"a", "c"}));
}

TEST_P(EveryPolicy, AStandbyStepsInForADrainedServer) {
  TestBackend backend(GetParam(), {{"a"}, {.name = "p", .is_passive = true}});
  backend.server("a").set_orders({Order::kDrain, {}}, {});
  EXPECT_EQ(backend.pick(), "p");
  backend.server("a").set_orders({}, {});
  EXPECT_EQ(backend.pick(), "a");
}

TEST_P(EveryPolicy, AWeightOrderedAtRunTimeCounts) {
  TestBackend backend(GetParam(), servers_of_weights({1, 1, 0}));
  const auto set_weight = [&](const std::string& name, std::optional<std::uint16_t> weight) {
    backend.server(name).set_orders({Order::kReady, weight}, {});
    backend.backend().rebuild();
  };
  set_weight("a", 0);
  EXPECT_EQ(names_picked(backend), std::set<std::string>{"b"});
  set_weight("c", 255);
  auto counts = backend.spread(2560);
  EXPECT_EQ(counts.count("a"), 0U);
  EXPECT_NEAR(counts["c"], 2550, 15);
  set_weight("a", std::nullopt);
  set_weight("c", std::nullopt);
  counts = backend.spread(2000);
  EXPECT_EQ(counts.count("c"), 0U);
  EXPECT_NEAR(counts["a"], 1000, 150);
}

INSTANTIATE_TEST_SUITE_P(Balance, EveryPolicy,
                         testing::Values("round_robin", "least_connections", "random",
                                         "source_hash"));

TEST(Policies, AnUnknownNameIsAnError) {
  const auto policy = make_policy("weighted_guess", {.workers = 1, .servers = 1});
  ASSERT_FALSE(policy);
  EXPECT_EQ(policy.error().text, "policy weighted_guess is not supported");
}

TEST(Backend, AvailabilitySaysWhoServes) {
  TestBackend backend("round_robin", three_active_two_passive(), {.standby_min_active = 2});
  auto shown = [&backend](const std::string& name) {
    const Candidate& candidate = backend.backend().candidate(backend.index_of(name));
    return to_string(candidate.state->health(),
                     Backend::duty(candidate, backend.backend().availability()));
  };
  EXPECT_EQ(backend.backend().availability().usable_active, 3U);
  EXPECT_EQ(backend.backend().availability().usable_passive, 2U);
  EXPECT_EQ(shown("active0"), "NOCHECK");
  EXPECT_EQ(shown("passive0"), "STANDBY");

  backend.set_down("active0");
  backend.set_up("passive0");
  EXPECT_FALSE(backend.backend().availability().is_standby_serving);
  EXPECT_EQ(shown("passive0"), "STANDBY");

  backend.set_down("active1");
  EXPECT_TRUE(backend.backend().availability().is_standby_serving);
  EXPECT_EQ(shown("active1"), "DOWN");
  EXPECT_EQ(shown("passive0"), "UP");
}

TEST(TriedServers, ForgetsTheOldestBeyondItsLimit) {
  TriedServers tried;
  EXPECT_TRUE(tried.indices().empty());
  for (std::uint32_t i = 0; i < TriedServers::kLimit + 3; ++i) tried.add(i);
  ASSERT_EQ(tried.size(), TriedServers::kLimit);
  EXPECT_EQ(tried.indices().front(), 3U);
  EXPECT_EQ(tried.indices().back(), TriedServers::kLimit + 2);
  tried.clear();
  EXPECT_TRUE(tried.indices().empty());
}

}  // namespace
}  // namespace sluice::balance
