// A session's place in a line, and the watch on its client meanwhile: what only those pay who wait.
//
// A client that resets its connection is gone and loses its place. One that has only finished
// sending is not: it may well wait for its answer (as HAProxy has it without `abortonclose`); a
// reset that it sends after that is not noticed before the session goes on.
// Nothing is read: what the client sends waits in its socket. Thread: its worker's.
#pragma once

#include "proxy/waiting_room.h"
#include "uring/completion.h"
#include "uring/ring.h"

namespace sluice::proxy {

/// The session, as its place sees it.
class WaitHost {
 public:
  virtual Waiter::Answer on_turn(std::uint64_t ticket) noexcept = 0;
  /// After every completion of the watch. The place may be gone when this returns.
  virtual void on_wait_progress() noexcept = 0;

 protected:
  ~WaitHost() = default;
};

class SessionWait final : public Waiter {
 public:
  SessionWait(WaitHost& host, uring::Ring& ring, int client_fd) noexcept
      : host_(host), ring_(ring), client_fd_(client_fd) {}

  /// Watches from now on.
  void watch() noexcept;
  /// Asks the watch to end.
  void stop() noexcept { ring_.cancel(poll_); }

  [[nodiscard]] bool is_client_gone() const noexcept { return is_client_gone_; }
  [[nodiscard]] bool is_quiet() const noexcept { return !poll_.is_in_flight(); }

  Answer on_turn(std::uint64_t ticket) noexcept override { return host_.on_turn(ticket); }
  void settle() noexcept { host_.on_wait_progress(); }

 private:
  void on_poll(uring::Outcome outcome) noexcept;

  WaitHost& host_;
  uring::Ring& ring_;
  int client_fd_;
  bool is_client_gone_ = false;
  uring::Op<&SessionWait::on_poll> poll_{*this};
};

}  // namespace sluice::proxy
