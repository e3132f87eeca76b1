// One thread's epoll instance. Handlers are objects that outlive their registration.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstdint>

#include "clock.h"
#include "socket.h"

namespace sluice::bench {

/// What is told when its descriptor is ready. It may close its own descriptor in the call.
class Pollable {
 public:
  virtual void on_events(std::uint32_t events) = 0;

 protected:
  ~Pollable() = default;
};

class Poller {
 public:
  [[nodiscard]] static Result<Poller> create();

  /// `events` as in epoll_ctl(2). Registering fails only for lack of kernel memory, which ends the
  /// program: a measurement that misses a connection is worth nothing.
  void add(const Fd& fd, std::uint32_t events, Pollable& handler);
  void modify(const Fd& fd, std::uint32_t events, Pollable& handler);
  void remove(const Fd& fd);

  /// Waits until something is ready or `deadline` has come, and tells the handlers.
  void poll_until(Time deadline);

 private:
  explicit Poller(Fd epoll) : epoll_(std::move(epoll)) {}
  void control(int operation, const Fd& fd, std::uint32_t events, Pollable& handler);

  Fd epoll_;
  std::array<epoll_event, 256> ready_{};
};

}  // namespace sluice::bench
