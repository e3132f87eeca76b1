#include "reactor/patience.h"

#include <gtest/gtest.h>

#include <chrono>

namespace sluice::reactor {
namespace {

using namespace std::chrono_literals;

/// A loop whose waits bring what the test says.
class PatienceTest : public testing::Test {
 protected:
  /// Waits of 100 us each that bring `got`, for two milliseconds.
  void pass(unsigned got) {
    for (int wait = 0; wait < 20; ++wait) {
      now_ += 100us;
      patience_.note(1, got, now_);
    }
  }
  void wait_in_vain(unsigned got) {
    now_ += Patience::kLimit;
    patience_.note(patience_.wanted(kMany, now_), got, now_);
  }
  [[nodiscard]] unsigned wanted(std::size_t sessions) const {
    return patience_.wanted(sessions, now_);
  }

  static constexpr std::size_t kMany = 10'000;
  base::TimePoint now_{1s};
  Patience patience_{now_};
};

TEST_F(PatienceTest, WaitsForOneBeforeItKnowsTheRate) {
  EXPECT_EQ(wanted(kMany), 1U);
}

TEST_F(PatienceTest, WaitsForHalfOfWhatTheRatePromises) {
  pass(8);  // 80 a millisecond: 20 in 250 us
  EXPECT_EQ(wanted(kMany), 10U);
}

TEST_F(PatienceTest, NeverKeepsFewSessionsWaiting) {
  pass(8);
  EXPECT_EQ(wanted(0), 1U);
  EXPECT_EQ(wanted(1), 1U);
  EXPECT_EQ(wanted(31), 1U);
  EXPECT_EQ(wanted(32), 10U);
}

TEST_F(PatienceTest, WaitsForNoMoreThanHalfOfTheSessions) {
  pass(40);  // 50 in 125 us
  EXPECT_EQ(wanted(32), 16U);
  EXPECT_EQ(wanted(50), 25U);
}

TEST_F(PatienceTest, AFewAreNoBatch) {
  pass(3);  // 30 a millisecond: 3 in 125 us
  EXPECT_EQ(wanted(kMany), 1U);
  for (const unsigned got : {3U, 4U, 3U, 4U, 3U, 4U, 3U, 4U, 3U, 4U, 3U, 4U}) {  // 35: 4
    now_ += 100us;
    patience_.note(1, got, now_);
  }
  EXPECT_EQ(wanted(kMany), Patience::kFewest);
}

TEST_F(PatienceTest, HasABound) {
  pass(1000);
  EXPECT_EQ(wanted(kMany), Patience::kMost);
}

TEST_F(PatienceTest, ASlowRateIsWorthNoWaiting) {
  pass(8);
  now_ += 1s;  // nothing came
  patience_.note(1, 1, now_);
  EXPECT_EQ(wanted(kMany), 1U);
}

TEST_F(PatienceTest, ABrokenPromiseIsNotBelievedForAWhileAndThenForLonger) {
  for (const auto pause : {10ms, 20ms, 40ms}) {
    pass(8);
    ASSERT_GT(wanted(kMany), 1U);
    wait_in_vain(1);
    const auto broken = now_;
    EXPECT_EQ(wanted(kMany), 1U);
    while (now_ + 2ms < broken + pause) {
      pass(8);
      EXPECT_EQ(wanted(kMany), now_ < broken + pause ? 1U : 10U);
    }
    now_ = broken + pause;
  }
}

TEST_F(PatienceTest, HalfOfAPromiseIsGoodEnough) {
  pass(8);
  wait_in_vain(5);
  EXPECT_GT(wanted(kMany), 1U);
}

TEST_F(PatienceTest, AKeptPromiseForgivesTheBrokenOnes) {
  for (int broken = 0; broken < 3; ++broken) {
    pass(8);
    wait_in_vain(1);
    now_ += 1s;
  }
  pass(8);
  wait_in_vain(10);  // kept
  pass(8);
  wait_in_vain(1);
  now_ += 10ms;
  pass(8);
  EXPECT_GT(wanted(kMany), 1U);
}

}  // namespace
}  // namespace sluice::reactor
