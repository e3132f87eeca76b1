#include "balance/source_hash.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "test_backend.h"

namespace sluice::balance {
namespace {

constexpr std::uint64_t kClients = 20'000;

/// Where each client goes while nobody holds a session.
std::vector<std::string> homes(TestBackend& backend) {
  std::vector<std::string> all;
  for (std::uint64_t client = 1; client <= kClients; ++client) {
    all.push_back(backend.pick_for(rehash(client)));
  }
  return all;
}

std::uint64_t moved(const std::vector<std::string>& before, const std::vector<std::string>& after) {
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < before.size(); ++i) count += before[i] != after[i] ? 1 : 0;
  return count;
}

TEST(SourceHash, AClientStaysWithItsServer) {
  TestBackend backend("source_hash", ten_servers(), {}, 2);
  for (std::uint64_t client = 1; client < 100; ++client) {
    const std::string home = backend.pick_for(rehash(client));
    EXPECT_EQ(backend.pick_for(rehash(client), 1), home);
    backend.reload();
    EXPECT_EQ(backend.pick_for(rehash(client)), home);
  }
}

TEST(SourceHash, WithoutAKeyTheAddressCountsAndThePortDoesNot) {
  TestBackend backend("source_hash", ten_servers());
  std::map<std::uint32_t, int> spread;
  for (int i = 0; i < 200; ++i) {
    const auto client = Endpoint::from_ip("10.0.0." + std::to_string(i), 1024).value();
    const auto picked = backend.backend().pick({.worker = 0, .client = client, .tried = {}});
    const Endpoint other = client.with_port(4711);
    EXPECT_EQ(picked, backend.backend().pick({.worker = 0, .client = other, .tried = {}}));
    ++spread[*picked];
  }
  EXPECT_EQ(spread.size(), 10U);
}

TEST(SourceHash, AServerThatGoesDownMovesItsOwnClientsAndGetsThemBack) {
  TestBackend backend("source_hash", ten_servers());
  const auto before = homes(backend);
  backend.set_down("d");
  const auto during = homes(backend);
  EXPECT_LE(moved(before, during), kClients * 105 / 1000);
  std::map<std::string, int> refuge;
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i] != "d") {
      ASSERT_EQ(during[i], before[i]);
    } else {
      ++refuge[during[i]];
    }
  }
  EXPECT_EQ(refuge.size(), 9U);
  for (const auto& [name, count] : refuge) EXPECT_NEAR(count, kClients / 90.0, 70) << name;
  backend.set_up("d");
  EXPECT_EQ(homes(backend), before);
}

TEST(SourceHash, AServerThatLeavesTheFileMovesFewOthers) {
  TestBackend backend("source_hash", ten_servers());
  const auto before = homes(backend);
  auto rest = ten_servers();
  rest.erase(rest.begin() + 3);
  std::reverse(rest.begin(), rest.end());
  backend.reload(rest);
  EXPECT_LE(moved(before, homes(backend)), kClients * 105 / 1000);
}

TEST(SourceHash, SharesFollowTheWeights) {
  TestBackend backend("source_hash", servers_of_weights({4, 2, 1, 0}));
  std::map<std::string, int> counts;
  for (const std::string& home : homes(backend)) ++counts[home];
  EXPECT_NEAR(counts["a"], kClients * 4 / 7.0, 250);
  EXPECT_NEAR(counts["b"], kClients * 2 / 7.0, 250);
  EXPECT_NEAR(counts["c"], kClients * 1 / 7.0, 250);
  EXPECT_EQ(counts.count("d"), 0U);
}

TEST(SourceHash, NoServerHoldsMoreThanFiveFourthsOfItsShare) {
  TestBackend backend("source_hash", ten_servers());
  // All from one client: its own server fills up to the bound, then the next of its sequence.
  const std::string home = backend.pick_for(rehash(1));
  for (int i = 0; i < 1000; ++i) backend.server(backend.pick_for(rehash(1))).session_began(0);
  EXPECT_EQ(backend.server(home).sessions().value(), 125U);
  for (const Candidate& candidate : backend.backend().candidates()) {
    EXPECT_LE(candidate.state->sessions().value(), 125U) << candidate.state->name();
  }
}

TEST(SourceHash, AFewSessionsOfOneClientStayTogether) {
  TestBackend backend("source_hash", ten_servers());
  const std::string home = backend.pick_for(rehash(1));
  for (std::uint64_t i = 0; i < SourceHash::kUnboundedSessions; ++i) {
    ASSERT_EQ(backend.pick_for(rehash(1)), home);
    backend.server(home).session_began(0);
  }
  EXPECT_NE(backend.pick_for(rehash(1)), home);
}

TEST(SourceHash, FindsTheLastServerOfMany) {
  std::vector<ServerSpec> specs;
  for (int i = 0; i < 2000; ++i) specs.push_back({.name = "s" + std::to_string(i)});
  TestBackend backend("source_hash", specs);
  for (int i = 0; i < 2000; ++i) {
    if (i != 1234) backend.set_down("s" + std::to_string(i));
  }
  for (int i = 0; i < 50; ++i) EXPECT_EQ(backend.pick(), "s1234");
}

TEST(SourceHash, WorkersPickWhileTheTableIsBuiltAnew) {
  TestBackend backend("source_hash", ten_servers(), {}, 2);
  Pool pool;
  pool.backend = &backend.backend().state();
  pool.candidates = backend.backend().candidates();
  for (std::uint32_t i = 0; i < 10; ++i) pool.members.push_back(i);
  pool.weights.assign(10, 1);
  pool.total_weight = 10;
  SourceHash policy({.workers = 2, .servers = 10});
  policy.rebuild(pool.candidates, pool.weights);

  std::atomic<bool> is_done{false};
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (std::uint32_t worker = 0; worker < 2; ++worker) {
    threads.emplace_back([&, worker] {
      const Endpoint client;
      for (std::uint64_t key = 1; !is_done.load(); ++key) {
        const auto picked =
            policy.pick(pool, {.worker = worker, .client = client, .tried = {}, .key = key});
        if (!picked || *picked >= 10) ++failures;
      }
    });
  }
  std::vector<std::uint16_t> weights(10, 1);
  for (int round = 0; round < 30; ++round) {
    weights[0] = static_cast<std::uint16_t>(round % 5);
    policy.rebuild(pool.candidates, weights);
  }
  is_done = true;
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(failures.load(), 0);
}

}  // namespace
}  // namespace sluice::balance
