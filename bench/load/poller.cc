#include "poller.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace sluice::bench {

Result<Poller> Poller::create() {
  Fd epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.is_open()) return system_error("epoll_create1");
  return Poller(std::move(epoll));
}

void Poller::add(const Fd& fd, std::uint32_t events, Pollable& handler) {
  control(EPOLL_CTL_ADD, fd, events, handler);
}

void Poller::modify(const Fd& fd, std::uint32_t events, Pollable& handler) {
  control(EPOLL_CTL_MOD, fd, events, handler);
}

void Poller::remove(const Fd& fd) {
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd.get(), nullptr);
}

void Poller::control(int operation, const Fd& fd, std::uint32_t events, Pollable& handler) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &handler;
  if (epoll_ctl(epoll_.get(), operation, fd.get(), &event) != 0) {
    std::perror("epoll_ctl");
    std::abort();
  }
}

void Poller::poll_until(Time deadline) {
  const auto left = static_cast<std::int64_t>(to_nanoseconds(deadline - now()));
  // epoll_wait counts in milliseconds, too coarse to send at intended times.
  const timespec timeout{left / 1'000'000'000, left % 1'000'000'000};
  const int count =
      epoll_pwait2(epoll_.get(), ready_.data(), static_cast<int>(ready_.size()), &timeout, nullptr);
  for (int n = 0; n < count; ++n) {
    const epoll_event& event = ready_[static_cast<std::size_t>(n)];
    static_cast<Pollable*>(event.data.ptr)->on_events(event.events);
  }
}

}  // namespace sluice::bench
