#include "balance/least_connections.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "test_backend.h"

namespace sluice::balance {
namespace {

void add_sessions(TestBackend& backend, const std::string& name, int count) {
  for (int i = 0; i < count; ++i) backend.server(name).session_began(0);
}

/// Picks and counts the session, as a worker does.
std::string begin_session(TestBackend& backend) {
  std::string name = backend.pick();
  backend.server(name).session_began(0);
  return name;
}

TEST(LeastConnections, PicksTheServerWithTheFewestSessions) {
  TestBackend backend("least_connections", servers_of_weights({1, 1, 1}));
  add_sessions(backend, "a", 2);
  add_sessions(backend, "b", 1);
  add_sessions(backend, "c", 2);
  EXPECT_EQ(begin_session(backend), "b");
  backend.server("c").session_ended();
  EXPECT_EQ(begin_session(backend), "c");
}

TEST(LeastConnections, ComparesSessionsForTheirWeightExactly) {
  TestBackend backend("least_connections", servers_of_weights({3, 256, 255}));
  add_sessions(backend, "a", 1000);     // 333.3 a unit of weight
  add_sessions(backend, "b", 256 * 3);  // 3
  add_sessions(backend, "c", 255 * 3);  // 3: a tie with b
  backend.server("b").session_ended();  // 2.996
  EXPECT_EQ(backend.pick(), "b");
  add_sessions(backend, "b", 2);  // 3.004
  EXPECT_EQ(backend.pick(), "c");
}

TEST(LeastConnections, KeepsLoadsInTheProportionOfTheWeights) {
  TestBackend backend("least_connections", servers_of_weights({4, 2, 1, 0}));
  for (int i = 0; i < 7 * 50; ++i) begin_session(backend);
  EXPECT_EQ(backend.server("a").sessions().value(), 200U);
  EXPECT_EQ(backend.server("b").sessions().value(), 100U);
  EXPECT_EQ(backend.server("c").sessions().value(), 50U);
  EXPECT_EQ(backend.server("d").sessions().value(), 0U);
}

TEST(LeastConnections, AnIdleBackendIsUsedSmoothlyByWeight) {
  // Sessions so short that every pick finds all servers idle.
  TestBackend backend("least_connections", servers_of_weights({5, 1, 1}));
  EXPECT_EQ(backend.picks(14), "aabacaaaabacaa");
}

TEST(LeastConnections, TiesGoOnWhereTheyWereAfterAReload) {
  TestBackend backend("least_connections", servers_of_weights({1, 1, 1}));
  EXPECT_EQ(backend.picks(4), "abca");
  backend.reload();
  EXPECT_EQ(backend.picks(4), "bcab");
}

TEST(LeastConnections, TiesAmongSomeTakeTurns) {
  TestBackend backend("least_connections", servers_of_weights({1, 1, 1, 1}));
  add_sessions(backend, "b", 1);
  std::string sequence = backend.picks(9);
  EXPECT_EQ(std::count(sequence.begin(), sequence.end(), 'b'), 0);
  for (const char name : {'a', 'c', 'd'}) {
    EXPECT_EQ(std::count(sequence.begin(), sequence.end(), name), 3) << sequence;
  }
}

TEST(LeastConnections, AServerPickedAloneForLongIsNotShunnedAfterwards) {
  TestBackend backend("least_connections", servers_of_weights({1, 1}));
  add_sessions(backend, "a", 1);
  EXPECT_EQ(backend.picks(1000), std::string(1000, 'b'));
  backend.server("a").session_ended();
  const std::string sequence = backend.picks(20);
  EXPECT_NEAR(static_cast<double>(std::count(sequence.begin(), sequence.end(), 'a')), 10, 2);
}

TEST(LeastConnections, CurrentCountsSurviveAReload) {
  TestBackend backend("least_connections", servers_of_weights({1, 1}));
  add_sessions(backend, "a", 5);
  backend.reload(servers_of_weights({1, 1, 1}));
  EXPECT_EQ(backend.server("a").sessions().value(), 5U);
  for (int i = 0; i < 10; ++i) EXPECT_NE(begin_session(backend), "a");
}

/// One worker of the tests below: picks through the real interface, by index.
class Worker {
 public:
  Worker(Backend& backend, std::uint32_t number) : backend_(backend), number_(number) {}

  std::uint32_t begin() {
    const auto picked = backend_.pick({.worker = number_, .client = client_, .tried = {}});
    backend_.candidate(picked.value()).state->session_began(number_);
    return *picked;
  }
  void end(std::uint32_t index) { backend_.candidate(index).state->session_ended(); }

 private:
  Backend& backend_;
  std::uint32_t number_;
  Endpoint client_;
};

TEST(LeastConnections, TwoWorkersTogetherKeepTheLoadsLevel) {
  constexpr int kSessions = 20'000;
  TestBackend backend("least_connections", servers_of_weights({1, 1, 1, 1, 1, 1, 1, 1, 1, 1}), {},
                      2);
  std::vector<std::thread> threads;
  for (std::uint32_t number = 0; number < 2; ++number) {
    threads.emplace_back([&backend, number] {
      Worker worker(backend.backend(), number);
      for (int i = 0; i < kSessions; ++i) worker.begin();
    });
  }
  for (auto& thread : threads) thread.join();

  std::uint64_t least = 2 * kSessions;
  std::uint64_t most = 0;
  for (const Candidate& candidate : backend.backend().candidates()) {
    least = std::min(least, candidate.state->sessions().value());
    most = std::max(most, candidate.state->sessions().value());
  }
  EXPECT_LE(most - least, 2U);  // one that both saw as the least loaded, and the remainder
  EXPECT_EQ(backend.backend().state().sessions().value(), 2U * kSessions);
}

TEST(LeastConnections, CountsAreWholeAfterWorkersBeganAndEndedSessionsAtOnce) {
  constexpr int kSessions = 20'000;
  TestBackend backend("least_connections", servers_of_weights({3, 2, 1}), {}, 2);
  std::vector<std::thread> threads;
  for (std::uint32_t number = 0; number < 2; ++number) {
    threads.emplace_back([&backend, number] {
      Worker worker(backend.backend(), number);
      std::vector<std::uint32_t> open(50);
      for (auto& index : open) index = worker.begin();
      for (int i = 0; i < kSessions; ++i) {
        auto& index = open[static_cast<std::size_t>(i) * 31 % open.size()];
        worker.end(index);
        index = worker.begin();
      }
      for (const auto index : open) worker.end(index);
    });
  }
  for (auto& thread : threads) thread.join();

  std::uint64_t total = 0;
  for (const Candidate& candidate : backend.backend().candidates()) {
    EXPECT_EQ(candidate.state->sessions().value(), 0U);
    for (const WorkerSlot& slot : candidate.state->slots()) total += slot.traffic.total.value();
  }
  EXPECT_EQ(total, 2U * (kSessions + 50));
  EXPECT_EQ(backend.backend().state().sessions().value(), 0U);
  EXPECT_LE(backend.backend().state().sessions().max(), 100U);
}

}  // namespace
}  // namespace sluice::balance
