#include "sys/pipe.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <array>
#include <cerrno>
#include <vector>

namespace sluice::sys {
namespace {

TEST(Pipe, IsNonBlockingWideAndNotInherited) {
  const Pipe pipe = Pipe::open(1024 * 1024);
  ASSERT_TRUE(pipe.is_open());
  for (const int fd : {pipe.read_end(), pipe.write_end()}) {
    EXPECT_NE(::fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
  }
  EXPECT_EQ(static_cast<std::size_t>(::fcntl(pipe.write_end(), F_GETPIPE_SZ)), pipe.capacity());
  EXPECT_GE(pipe.capacity(), 65536U);
  EXPECT_LE(pipe.capacity(), 1024U * 1024U);
}

TEST(Pipe, CarriesBytesAndBlocksNobody) {
  const Pipe pipe = Pipe::open(65536);
  ASSERT_TRUE(pipe.is_open());
  std::array<char, 4> read{};
  EXPECT_LT(::read(pipe.read_end(), read.data(), read.size()), 0);
  EXPECT_EQ(errno, EAGAIN);
  ASSERT_EQ(::write(pipe.write_end(), "abc", 3), 3);
  EXPECT_EQ(::read(pipe.read_end(), read.data(), read.size()), 3);
  const std::vector<char> much(4 * 1024 * 1024);
  EXPECT_EQ(static_cast<std::size_t>(::write(pipe.write_end(), much.data(), much.size())),
            pipe.capacity());
}

TEST(Pipe, MoreThanTheLimitGivesWhatTheLimitAllows) {
  // Beyond pipe-max-size an unprivileged user is refused; root gets it (pipe(7)).
  const Pipe pipe = Pipe::open(std::size_t{1} << 22);
  ASSERT_TRUE(pipe.is_open());
  EXPECT_GE(pipe.capacity(), 65536U);
}

TEST(Pipe, IsNotOpenWithoutDescriptors) {
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none{3, before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &none);
  const Pipe pipe = Pipe::open(65536);
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_FALSE(pipe.is_open());
  EXPECT_EQ(pipe.read_end(), -1);
}

}  // namespace
}  // namespace sluice::sys
