// One number to setsockopt(2). Any thread.
#pragma once

#include <sys/socket.h>

namespace sluice::sys {

/// Failure leaves the kernel's default: for options that every caller can live without.
inline void set_option(int fd, int level, int name, int value) noexcept {
  static_cast<void>(::setsockopt(fd, level, name, &value, sizeof value));
}

}  // namespace sluice::sys
