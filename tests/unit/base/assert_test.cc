#include "base/assert.h"

#include <gtest/gtest.h>

namespace sluice::base {
namespace {

TEST(Assert, LetsWhatHoldsPassAndLooksOnce) {
  int looks = 0;
  SLUICE_ASSERT(++looks == 1);
  EXPECT_EQ(looks, 1);
}

TEST(AssertDeathTest, SaysWhichConditionFailedAndWhere) {
  const int sessions = 1;
  EXPECT_DEATH(SLUICE_ASSERT(sessions == 0),
               "assert_test.cc:[0-9]+: assertion failed: sessions == 0");
}

}  // namespace
}  // namespace sluice::base
