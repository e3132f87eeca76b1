// A non-blocking pipe: the kernel buffer through which splice(2) moves bytes between two sockets.
#pragma once

#include <cstddef>

#include "sys/fd.h"

namespace sluice::sys {

class Pipe {
 public:
  /// Opens a pipe and widens it to `wanted` bytes, or as far as pipe(7)'s limits for unprivileged
  /// users let it. Not open when descriptors or pipe pages have run out.
  [[nodiscard]] static Pipe open(std::size_t wanted) noexcept;

  [[nodiscard]] bool is_open() const noexcept { return read_end_.is_open(); }
  [[nodiscard]] int read_end() const noexcept { return read_end_.get(); }
  [[nodiscard]] int write_end() const noexcept { return write_end_.get(); }
  /// Bytes, if every slot held a full page.
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

 private:
  Fd read_end_;
  Fd write_end_;
  std::size_t capacity_ = 0;
};

}  // namespace sluice::sys
