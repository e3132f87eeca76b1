#include "balance/round_robin.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "test_backend.h"

namespace sluice::balance {
namespace {

/// nginx's algorithm as its source has it (ngx_stream_upstream_round_robin.c), without failures.
class NginxModel {
 public:
  explicit NginxModel(std::vector<std::uint16_t> weights)
      : weights_(std::move(weights)), current_(weights_.size()) {}

  std::size_t pick() {
    int total = 0;
    std::size_t best = weights_.size();
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      if (weights_[i] == 0) continue;
      current_[i] += weights_[i];
      total += weights_[i];
      if (best == weights_.size() || current_[i] > current_[best]) best = i;
    }
    current_[best] -= total;
    return best;
  }

  std::string picks(int count) {
    std::string sequence;
    for (int i = 0; i < count; ++i) sequence += static_cast<char>('a' + pick());
    return sequence;
  }

 private:
  std::vector<std::uint16_t> weights_;
  std::vector<int> current_;
};

std::vector<std::uint16_t> random_weights(std::mt19937& random) {
  static const std::vector<std::vector<std::uint16_t>> kPalettes{
      {1}, {1, 2}, {1, 5}, {0, 1, 2, 3}, {1, 10, 100}, {3, 7, 11, 13}, {1, 256}};
  const auto& palette = kPalettes[random() % kPalettes.size()];
  std::vector<std::uint16_t> weights(1 + random() % 12);
  for (auto& weight : weights) weight = palette[random() % palette.size()];
  weights[random() % weights.size()] = palette.back();  // somebody must take the traffic
  return weights;
}

TEST(RoundRobin, EqualWeightsTakeTurnsInTheOrderOfTheFile) {
  TestBackend backend("round_robin", servers_of_weights({1, 1, 1}));
  EXPECT_EQ(backend.picks(7), "abcabca");
}

TEST(RoundRobin, IsSmooth) {
  TestBackend backend("round_robin", servers_of_weights({5, 1, 1}));
  EXPECT_EQ(backend.picks(21), "aabacaaaabacaaaabacaa");
}

TEST(RoundRobin, GivesNginxsSequenceForEveryMixOfWeights) {
  std::mt19937 random(20261122);
  for (int round = 0; round < 300; ++round) {
    const auto weights = random_weights(random);
    const int cycle = std::accumulate(weights.begin(), weights.end(), 0);
    TestBackend backend("round_robin", servers_of_weights(weights));
    ASSERT_EQ(backend.picks(2 * cycle + 5), NginxModel(weights).picks(2 * cycle + 5))
        << testing::PrintToString(weights);
  }
}

TEST(RoundRobin, SharesAreExactOverACycle) {
  TestBackend backend("round_robin", servers_of_weights({256, 1, 0, 40, 3}));
  const std::map<std::string, int> expected{{"a", 256}, {"b", 1}, {"d", 40}, {"e", 3}};
  EXPECT_EQ(backend.spread(300), expected);
  EXPECT_EQ(backend.spread(300), expected);
}

TEST(RoundRobin, EachWorkerHasItsOwnRotation) {
  constexpr int kWorkers = 4;
  TestBackend backend("round_robin", servers_of_weights({1, 1, 1}), {}, kWorkers);
  std::map<std::string, int> counts;
  for (int turn = 0; turn < 1000; ++turn) {
    ++counts[backend.pick({}, static_cast<std::uint32_t>(turn * 7 % kWorkers))];
    const auto [least, most] = std::minmax({counts["a"], counts["b"], counts["c"]});
    ASSERT_LE(most - least, kWorkers);
  }
  EXPECT_EQ(backend.picks(3, 0).size(), 3U);
}

TEST(RoundRobin, AReloadDoesNotRestartTheSequence) {
  std::mt19937 random(1);
  for (int round = 0; round < 100; ++round) {
    const auto weights = random_weights(random);
    TestBackend backend("round_robin", servers_of_weights(weights));
    NginxModel model(weights);
    std::string sequence;
    for (int pick = 0; pick < 60; ++pick) {
      if (random() % 3 == 0) backend.reload();
      sequence += backend.pick();
    }
    ASSERT_EQ(sequence, model.picks(60)) << testing::PrintToString(weights);
  }
}

TEST(RoundRobin, HealthThatComesBackAtOnceDoesNotRestartTheSequence) {
  TestBackend backend("round_robin", servers_of_weights({5, 1, 1}));
  EXPECT_EQ(backend.picks(3), "aab");
  backend.set_down("c");
  backend.set_up("c");
  EXPECT_EQ(backend.picks(4), "acaa");
}

TEST(RoundRobin, ARemovedServerLeavesTheOthersInTheirOrder) {
  TestBackend backend("round_robin", servers_of_weights({1, 1, 1, 1, 1}));
  EXPECT_EQ(backend.picks(3), "abc");
  backend.reload({{"a"}, {"c"}, {"d"}, {"e"}});
  EXPECT_EQ(backend.picks(8), "deacdeac");
}

TEST(RoundRobin, ADownServerLeavesTheOthersInTheirOrder) {
  TestBackend backend("round_robin", servers_of_weights({1, 1, 1, 1, 1}));
  EXPECT_EQ(backend.picks(3), "abc");
  backend.set_down("e");
  EXPECT_EQ(backend.picks(8), "dabcdabc");
}

TEST(RoundRobin, AnAddedServerTakesItsTurnAndNoMore) {
  TestBackend backend("round_robin", servers_of_weights({1, 1, 1}));
  backend.picks(3000);
  EXPECT_EQ(backend.picks(1), "a");
  backend.reload(servers_of_weights({1, 1, 1, 1}));
  EXPECT_EQ(backend.picks(9), "bcdabcdab");
}

TEST(RoundRobin, ManyAddedServersAreNotFlooded) {
  TestBackend backend("round_robin", servers_of_weights({2, 2, 1}));
  backend.picks(100'000);
  backend.reload(servers_of_weights({2, 2, 1, 1, 4}));
  auto counts = backend.spread(10);
  EXPECT_GE(counts["d"], 1);
  EXPECT_LE(counts["d"], 2);
  EXPECT_GE(counts["e"], 4);
  EXPECT_LE(counts["e"], 5);
  counts = backend.spread(1000);
  EXPECT_NEAR(counts["a"], 200, 2);
  EXPECT_NEAR(counts["d"], 100, 2);
  EXPECT_NEAR(counts["e"], 400, 2);
}

TEST(RoundRobin, AServerThatWasDownForLongGetsItsShareNotItsArrears) {
  TestBackend backend("round_robin", servers_of_weights({1, 3, 1, 1}));
  backend.set_down("a");
  backend.picks(50'000);
  backend.set_up("a");
  const std::string sequence = backend.picks(12);
  EXPECT_GE(std::count(sequence.begin(), sequence.end(), 'a'), 2);
  EXPECT_LE(std::count(sequence.begin(), sequence.end(), 'a'), 3);
  EXPECT_EQ(sequence.find("aa"), std::string::npos) << sequence;
}

TEST(RoundRobin, HealthThatFlapsFavoursNobody) {
  TestBackend backend("round_robin", servers_of_weights({1, 1, 1, 1}));
  std::map<std::string, int> counts;
  for (int i = 0; i < 4000; ++i) {
    if (i % 5 == 0) backend.set_down("d");
    if (i % 5 == 2) backend.set_up("d");
    ++counts[backend.pick()];
  }
  EXPECT_NEAR(counts["a"], counts["b"], 5);
  EXPECT_NEAR(counts["b"], counts["c"], 5);
  EXPECT_LE(counts["d"], counts["a"]);
  EXPECT_GE(counts["d"], 400);
}

TEST(RoundRobin, ServersThatComeOneByOneForEverKeepTheSharesRight) {
  // Each newcomer brings credit with it; the rotation must not let that pile up.
  TestBackend backend("round_robin", {{"a", 3}, {"b", 1}, {"new0", 1}});
  for (int i = 1; i < 500; ++i) {
    backend.picks(7);
    backend.reload({{"a", 3}, {"b", 1}, {"new" + std::to_string(i), 1}});
  }
  auto counts = backend.spread(500);
  EXPECT_NEAR(counts["a"], 300, 2);
  EXPECT_NEAR(counts["b"], 100, 2);
}

TEST(RoundRobin, ChangedWeightsActFromTheReloadOn) {
  TestBackend backend("round_robin", servers_of_weights({1, 1}));
  backend.picks(1001);
  backend.reload(servers_of_weights({9, 1}));
  auto counts = backend.spread(100);
  EXPECT_NEAR(counts["a"], 90, 1);
  EXPECT_NEAR(counts["b"], 10, 1);
}

TEST(RoundRobin, ATriedServerKeepsItsTurn) {
  TestBackend backend("round_robin", servers_of_weights({1, 1, 1}));
  EXPECT_EQ(backend.pick({"a"}), "b");
  EXPECT_EQ(backend.pick(), "a");
  EXPECT_EQ(backend.pick(), "c");
}

TEST(RoundRobin, AFullServerIsPassedOverAndThenGetsItsShareNotItsArrears) {
  TestBackend backend(
      "round_robin", {{.name = "a", .weight = 2, .max_sessions = 1}, {.name = "b"}, {.name = "c"}});
  backend.server("a").session_began(0);
  const auto while_full = backend.spread(1000);
  EXPECT_EQ(while_full, (std::map<std::string, int>{{"b", 500}, {"c", 500}}));
  backend.server("a").session_ended();
  const auto afterwards = backend.spread(400);
  EXPECT_NEAR(afterwards.at("a"), 200, 2);
  EXPECT_NEAR(afterwards.at("b"), 100, 2);
}

TEST(RoundRobin, AFullServerAmongEqualsLeavesTheOthersEven) {
  TestBackend backend("round_robin",
                      {{"a"}, {"b"}, {.name = "c", .max_sessions = 1}, {"d"}, {"e"}});
  backend.server("c").session_began(0);
  const auto counts = backend.spread(4003);
  EXPECT_EQ(counts.count("c"), 0U);
  for (const auto& [name, count] : counts) EXPECT_NEAR(count, 1000, 1) << name;
}

TEST(RoundRobin, TenThousandServersGetExactlyOneEachInALap) {
  std::vector<ServerSpec> specs;
  for (int i = 0; i < 10'000; ++i) specs.push_back({.name = "s" + std::to_string(i)});
  TestBackend backend("round_robin", specs);
  for (int lap = 0; lap < 3; ++lap) {
    const auto counts = backend.spread(10'000);
    ASSERT_EQ(counts.size(), 10'000U);
    for (const auto& [name, count] : counts) ASSERT_EQ(count, 1) << name;
  }
}

}  // namespace
}  // namespace sluice::balance
