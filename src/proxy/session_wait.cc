// Waiting for room: in front of a frontend, for a server of the backend, or for one server.
#include "proxy/session_wait.h"

#include <poll.h>

#include <cerrno>

#include "base/assert.h"
#include "proxy/session.h"

namespace sluice::proxy {

using balance::WaitLine;

void SessionWait::watch() noexcept {
  // The watch of an earlier wait may still be on its way back; on_poll() begins the new one then.
  if (!poll_.is_in_flight()) ring_.poll(poll_, client_fd_, POLLERR | POLLHUP);
}

void SessionWait::on_poll(uring::Outcome outcome) noexcept {
  // The kernel adds POLLRDHUP by itself (IO_POLL_UNMASK in its io_uring/poll.c): a client that has
  // finished sending is still there. What it does after that is not seen any more.
  if (outcome.result > 0 && (outcome.result & (POLLERR | POLLHUP)) != 0) is_client_gone_ = true;
  if (outcome.result == -ECANCELED && line() != nullptr) watch();
}

// --- Session ---

bool Session::is_waiting() const noexcept {
  return state_ == State::kAdmitting || state_ == State::kWaiting;
}

void Session::wait_in(WaitLine& line, std::uint64_t ticket) noexcept {
  if (!wait_) {
    WaitHost& host = *this;
    wait_ = std::make_unique<SessionWait>(host, context_.relay.reactor.ring(), client_.get());
  }
  context_.room.enter(*wait_, line, ticket);
  wait_->watch();
}

void Session::leave_line() noexcept {
  context_.room.leave(*wait_);
  wait_->stop();
  if (state_ == State::kWaiting) backend_->balance.state().waiting().down();
}

/// Ends the wait without having got anything.
void Session::give_place_up() noexcept {
  leave_line();
  if (state_ == State::kWaiting) call_waiting();
}

Waiter::Answer Session::on_turn(std::uint64_t ticket) noexcept {
  // Looked up before: nothing of this session may be used after settle().
  const Waiter::Answer no_room =
      &pin_ == context_.pins.current() ? Waiter::Answer::kNoRoom : Waiter::Answer::kOutdated;
  const WaitLine* const line = wait_->line();
  if (state_ == State::kAdmitting) {
    if (!frontend_.state->admit(ticket)) return no_room;
    leave_line();
    on_admitted();
  } else if (!try_to_connect(ticket) && wait_->line() == line) {
    backend_->balance.visit_servers_with_room([this](WaitLine& each) { context_.room.call(each); });
    return no_room;
  }
  settle();
  return Waiter::Answer::kGone;
}

// --- In front of the frontend ---

void Session::start() noexcept {
  WaitLine& line = frontend_.state->line();
  if (frontend_.state->admit(WaitLine::kNewcomer)) {
    on_admitted();
  } else {
    wait_in(line, line.draw());
    if (frontend_.state->is_below_limit()) context_.room.call(line);
  }
  settle();
}

void Session::on_admitted() noexcept {
  is_admitted_ = true;
  greeted_at_ = now();
  frontend_.state->traffic(context_.worker).total.add(1);
  if (frontend_.state->is_below_limit()) context_.room.call(frontend_.state->line());
  enter(State::kGreeting);
  if (frontend_.greeting.empty()) return connect_to_next();
  start_next_stage();
}

void Session::leave_frontend() noexcept {
  if (is_admitted_) frontend_.state->sessions().down();
  if (frontend_.state->is_below_limit()) context_.room.call(frontend_.state->line());
}

// --- For a server ---

void Session::call_waiting() noexcept {
  backend_->balance.visit_lines_with_room(context_.worker,
                                          [this](WaitLine& line) { context_.room.call(line); });
}

/// For a session that has no place in a line yet.
void Session::wait_for_server(WaitLine& line) noexcept {
  if (!backend_->balance.state().waiting().up_below(backend_->queue_size)) {
    return begin_closing({CloseReason::kQueueFull, Side::kUs});
  }
  enter(State::kWaiting);
  hand_out_tickets();
  wait_in(line, backend_->balance.state().line().draw());
  arm(backend_->queue_timeout);
  call_waiting();
}

/// For one that stays in the queue, but waits for something else from now on.
void Session::change_line(WaitLine& line) noexcept {
  const std::uint64_t ticket = wait_->ticket();
  context_.room.leave(*wait_);
  context_.room.enter(*wait_, line, ticket);
  call_waiting();
}

}  // namespace sluice::proxy
