#include "sys/pipe.h"

#include <fcntl.h>

namespace sluice::sys {

Pipe Pipe::open(std::size_t wanted) noexcept {
  // A pipe of a user past pipe-user-pages-soft has 2 slots (pipe(7)): too narrow to be worth
  // splicing through.
  constexpr std::size_t kSmallestUseful = 65536;
  Pipe pipe;
  int ends[2];
  if (::pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) return pipe;
  pipe.read_end_.reset(ends[0]);
  pipe.write_end_.reset(ends[1]);
  int size = ::fcntl(pipe.write_end(), F_GETPIPE_SZ);
  for (std::size_t ask = wanted; size >= 0 && static_cast<std::size_t>(size) < ask; ask /= 2) {
    const int granted = ::fcntl(pipe.write_end(), F_SETPIPE_SZ, static_cast<int>(ask));
    if (granted > size) size = granted;
  }
  pipe.capacity_ = size > 0 ? static_cast<std::size_t>(size) : 0;
  if (pipe.capacity_ < kSmallestUseful) return {};
  return pipe;
}

}  // namespace sluice::sys
