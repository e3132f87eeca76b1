#include "daemon/rate_meter.h"

#include <gtest/gtest.h>

namespace sluice::daemon {
namespace {

using namespace std::chrono_literals;

class RateMeterTest : public testing::Test {
 protected:
  RateMeterTest() { meter.sample({100, 1000, 2000}, now); }

  RateMeter::Clock::time_point now = RateMeter::Clock::now() + 1s;
  RateMeter meter;
};

TEST(RateMeter, KnowsNoRateAtFirst) {
  const RateMeter meter;
  EXPECT_EQ(meter.rates().sessions, 0);
  EXPECT_EQ(meter.rates().bytes_in, 0);
  EXPECT_EQ(meter.rates().bytes_out, 0);
}

TEST_F(RateMeterTest, GivesWhatWasAddedPerSecond) {
  meter.sample({110, 3000, 2500}, now + 2s);
  EXPECT_DOUBLE_EQ(meter.rates().sessions, 5);
  EXPECT_DOUBLE_EQ(meter.rates().bytes_in, 1000);
  EXPECT_DOUBLE_EQ(meter.rates().bytes_out, 250);
}

TEST_F(RateMeterTest, ForgetsWhatWasBefore) {
  meter.sample({200, 1000, 2000}, now + 1s);
  meter.sample({200, 1000, 2000}, now + 2s);
  EXPECT_EQ(meter.rates().sessions, 0);
}

TEST_F(RateMeterTest, ATotalThatShrinksIsNoRate) {
  meter.sample({10, 100, 5000}, now + 1s);
  EXPECT_EQ(meter.rates().sessions, 0);
  EXPECT_EQ(meter.rates().bytes_in, 0);
  EXPECT_DOUBLE_EQ(meter.rates().bytes_out, 3000);
  meter.sample({20, 100, 5000}, now + 2s);
  EXPECT_DOUBLE_EQ(meter.rates().sessions, 10);
}

TEST_F(RateMeterTest, TwoSamplesAtOnceKeepTheRate) {
  meter.sample({110, 1000, 2000}, now + 1s);
  meter.sample({110, 1000, 2000}, now + 1s);
  EXPECT_DOUBLE_EQ(meter.rates().sessions, 10);
}

}  // namespace
}  // namespace sluice::daemon
