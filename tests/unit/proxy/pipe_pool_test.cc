#include "proxy/pipe_pool.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <utility>

namespace sluice::proxy {
namespace {

TEST(PipePool, LendsUpToItsLimitAndCountsWhatItRefused) {
  PipePool pool(2);
  sys::Pipe one = pool.borrow();
  sys::Pipe two = pool.borrow();
  EXPECT_TRUE(one.is_open());
  EXPECT_TRUE(two.is_open());
  EXPECT_GE(one.capacity(), 65536U);
  EXPECT_FALSE(pool.borrow().is_open());
  EXPECT_EQ(pool.shortages().value(), 1U);
  EXPECT_EQ(pool.open_pipes().value(), 2U);
  pool.give_back(std::move(one));
  EXPECT_TRUE(pool.borrow().is_open());
  EXPECT_EQ(pool.open_pipes().value(), 2U);
  EXPECT_EQ(pool.shortages().value(), 1U);
}

TEST(PipePool, LendsTheSamePipeAgain) {
  PipePool pool(4);
  sys::Pipe pipe = pool.borrow();
  const int read_end = pipe.read_end();
  pool.give_back(std::move(pipe));
  EXPECT_EQ(pool.borrow().read_end(), read_end);
  EXPECT_EQ(pool.open_pipes().value(), 1U);
}

TEST(PipePool, ADiscardedPipeMakesRoomForANewOne) {
  PipePool pool(1);
  sys::Pipe pipe = pool.borrow();
  ASSERT_EQ(::write(pipe.write_end(), "rest", 4), 4);
  pool.discard(std::move(pipe));
  EXPECT_EQ(pool.open_pipes().value(), 0U);
  sys::Pipe fresh = pool.borrow();
  ASSERT_TRUE(fresh.is_open());
  char byte = 0;
  EXPECT_LT(::read(fresh.read_end(), &byte, 1), 0) << "nobody else's bytes are in it";
}

TEST(PipePool, LendsNothingWithALimitOfNone) {
  PipePool pool(0);
  EXPECT_FALSE(pool.borrow().is_open());
  EXPECT_EQ(pool.open_pipes().value(), 0U);
}

using PipePoolDeathTest = testing::Test;

TEST_F(PipePoolDeathTest, TakesOnlyOpenPipesBack) {
  PipePool pool(1);
  EXPECT_DEATH(pool.give_back({}), "is_open");
}

}  // namespace
}  // namespace sluice::proxy
