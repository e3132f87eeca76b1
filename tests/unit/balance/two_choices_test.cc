#include "balance/two_choices.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "test_backend.h"

namespace sluice::balance {
namespace {

void begin_sessions(TestBackend& backend, int count, std::uint32_t worker = 0) {
  for (int i = 0; i < count; ++i) {
    const auto picked =
        backend.backend().pick({.worker = worker, .client = Endpoint(), .tried = {}});
    backend.backend().candidate(picked.value()).state->session_began(worker);
  }
}

std::uint64_t fullest(TestBackend& backend) {
  std::uint64_t most = 0;
  for (const Candidate& candidate : backend.backend().candidates()) {
    most = std::max(most, candidate.state->sessions().value());
  }
  return most;
}

TEST(TwoChoices, TheFullestOfTenIsThreeAboveTheAverage) {
  for (int run = 0; run < 20; ++run) {
    TestBackend backend("random", ten_servers());
    begin_sessions(backend, 10'000);
    EXPECT_LE(fullest(backend), 1003U);
  }
}

TEST(TwoChoices, TwoWorkersTogetherKeepToTheSameBound) {
  TestBackend backend("random", ten_servers(), {}, 2);
  std::thread other([&backend] { begin_sessions(backend, 5000, 1); });
  begin_sessions(backend, 5000, 0);
  other.join();
  EXPECT_LE(fullest(backend), 1004U);  // one that both saw as the less loaded
}

TEST(TwoChoices, TheBoundHoldsOverAReload) {
  TestBackend backend("random", ten_servers());
  begin_sessions(backend, 5000);
  backend.reload();
  begin_sessions(backend, 5000);
  EXPECT_LE(fullest(backend), 1003U);
}

TEST(TwoChoices, LoadsAreInTheProportionOfTheWeights) {
  TestBackend backend("random", servers_of_weights({8, 4, 2, 1, 0}));
  begin_sessions(backend, 15'000);
  const double expected[] = {8000, 4000, 2000, 1000, 0};
  for (std::uint32_t i = 0; i < 5; ++i) {
    EXPECT_NEAR(static_cast<double>(backend.backend().candidate(i).state->sessions().value()),
                expected[i], 40)
        << i;
  }
}

TEST(TwoChoices, OfTwoServersTheLessLoadedOneIsPicked) {
  TestBackend backend("random", servers_of_weights({2, 1}));
  for (int i = 0; i < 4; ++i) backend.server("a").session_began(0);  // 2 a unit of weight
  backend.server("b").session_began(0);                              // 1
  EXPECT_EQ(backend.picks(20), std::string(20, 'b'));
  for (int i = 0; i < 2; ++i) backend.server("b").session_began(0);  // 3
  EXPECT_EQ(backend.picks(20), std::string(20, 'a'));
}

TEST(TwoChoices, IdleServersAreUsedEvenly) {
  TestBackend backend("random", ten_servers());
  for (const auto& [name, count] : backend.spread(20'000)) EXPECT_NEAR(count, 2000, 250) << name;
}

}  // namespace
}  // namespace sluice::balance
