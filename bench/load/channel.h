// One connected non-blocking socket and how its bytes travel: as they are, or in TLS (tls.h).
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <memory>

#include "socket.h"

namespace sluice::bench {

enum class Progress { kPending, kDone, kFailed };

/// What the caller does with received bytes.
enum class Reading {
  kKeep,  ///< looks at them
  kDrop   ///< only counts them: what need not be copied is not
};

class Channel {
 public:
  explicit Channel(Fd fd) : fd_(std::move(fd)) {}
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  virtual ~Channel() = default;

  [[nodiscard]] const Fd& fd() const { return fd_; }

  /// What has to happen before the first byte; to be called again when the socket is ready.
  [[nodiscard]] virtual Progress shake_hands() = 0;

  /// As send(2) and recv(2): -1 with errno, EAGAIN where the socket has to be waited for. With TLS
  /// bytes that were taken may still be unsent.
  [[nodiscard]] virtual ssize_t send(const char* bytes, std::size_t size) = 0;
  [[nodiscard]] virtual ssize_t receive(char* bytes, std::size_t size, Reading reading) = 0;

  /// Sends what was taken and is unsent, as far as the socket allows; false where that failed.
  [[nodiscard]] virtual bool flush() = 0;
  [[nodiscard]] virtual bool has_unsent() const = 0;

 private:
  Fd fd_;
};

class PlainChannel final : public Channel {
 public:
  using Channel::Channel;
  [[nodiscard]] Progress shake_hands() override { return Progress::kDone; }
  [[nodiscard]] ssize_t send(const char* bytes, std::size_t size) override;
  [[nodiscard]] ssize_t receive(char* bytes, std::size_t size, Reading reading) override;
  [[nodiscard]] bool flush() override { return true; }
  [[nodiscard]] bool has_unsent() const override { return false; }
};

}  // namespace sluice::bench
