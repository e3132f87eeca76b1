// A file descriptor that is closed by its owner's destructor. Move only. Any thread.
#pragma once

#include <unistd.h>

#include <utility>

namespace sluice::sys {

class Fd {
 public:
  Fd() noexcept = default;
  /// Takes ownership; -1 owns nothing.
  explicit Fd(int fd) noexcept : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) reset(std::exchange(other.fd_, -1));
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }

  /// Gives the descriptor away; this object owns nothing afterwards.
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

  /// Closes what it owns. close(2) is not repeated on EINTR: Linux has released the descriptor by
  /// then.
  void reset(int fd = -1) noexcept {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

}  // namespace sluice::sys
