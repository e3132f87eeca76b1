// What the kernel says of an option of a socket.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

namespace sluice::sys {

/// getsockopt(2) for one number.
inline int option_of(int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  EXPECT_EQ(::getsockopt(fd, level, name, &value, &size), 0);
  return value;
}

}  // namespace sluice::sys
