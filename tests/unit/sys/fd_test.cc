#include "sys/fd.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <utility>

namespace sluice::sys {
namespace {

Fd make_fd() {
  return Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

bool is_valid(int fd) {
  return ::fcntl(fd, F_GETFD) >= 0;
}

TEST(Fd, ClosesWhatItOwns) {
  int number = -1;
  {
    const Fd fd = make_fd();
    number = fd.get();
    EXPECT_TRUE(fd.is_open());
    EXPECT_TRUE(is_valid(number));
  }
  EXPECT_FALSE(is_valid(number));
}

TEST(Fd, OwnsNothingAtFirst) {
  const Fd fd;
  EXPECT_FALSE(fd.is_open());
  EXPECT_EQ(fd.get(), -1);
}

TEST(Fd, MovesItsDescriptor) {
  Fd one = make_fd();
  const int number = one.get();
  Fd two(std::move(one));
  EXPECT_FALSE(one.is_open());
  EXPECT_EQ(two.get(), number);
  Fd three = make_fd();
  const int replaced = three.get();
  three = std::move(two);
  EXPECT_EQ(three.get(), number);
  EXPECT_FALSE(is_valid(replaced));
  EXPECT_TRUE(is_valid(number));
}

TEST(Fd, SurvivesBeingMovedOntoItself) {
  Fd fd = make_fd();
  Fd& same = fd;
  fd = std::move(same);
  EXPECT_TRUE(is_valid(fd.get()));
}

TEST(Fd, GivesItsDescriptorAway) {
  Fd fd = make_fd();
  const Fd taken(fd.release());
  EXPECT_FALSE(fd.is_open());
  EXPECT_TRUE(is_valid(taken.get()));
}

TEST(Fd, ResetClosesAndTakesAnother) {
  Fd fd = make_fd();
  const int before = fd.get();
  const int next = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  fd.reset(next);
  EXPECT_FALSE(is_valid(before));
  EXPECT_EQ(fd.get(), next);
  fd.reset();
  EXPECT_FALSE(is_valid(next));
}

}  // namespace
}  // namespace sluice::sys
