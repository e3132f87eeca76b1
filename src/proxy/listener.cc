#include "proxy/listener.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace sluice::proxy {
namespace {

/// Without descriptors the kernel keeps connections in its queue; sessions that end make room.
constexpr base::milliseconds kAcceptPause{100};

/// Errors of one connection (accept(2)), or of none. After any other the next accept is likely to
/// fail as well.
bool is_passing(int error) noexcept {
  switch (error) {
    case ECANCELED:
    case EAGAIN:
    case EINTR:
    case ECONNABORTED:
    case ENETDOWN:
    case EPROTO:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
      return true;
    default:
      return false;
  }
}

}  // namespace

Listener::Listener(reactor::Reactor& reactor, ListenerOwner& owner, std::string name, sys::Fd fd,
                   stats::Counter& pauses)
    : reactor_(reactor),
      owner_(owner),
      name_(std::move(name)),
      fd_(std::move(fd)),
      pauses_(pauses) {}

void Listener::on_accept(uring::Outcome outcome) noexcept {
  if (outcome.result >= 0) {
    owner_.on_connection(*this, sys::Fd(outcome.result));
  } else {
    is_short_ = !is_passing(-outcome.result);
  }
}

void Listener::review(AcceptMode mode) noexcept {
  if (is_closing_ || timer_.is_armed()) return;
  if (!accept_.is_in_flight()) return arm(mode);
  // An accept of one that waits does no harm when there is room for many.
  if (mode != mode_ && mode != AcceptMode::kMany) reactor_.ring().cancel(accept_);
}

void Listener::close() noexcept {
  is_closing_ = true;
  timer_.disarm();
  reactor_.ring().cancel(accept_);
  settle();
}

void Listener::settle() noexcept {
  if (accept_.is_in_flight() || timer_.is_armed()) return;
  if (is_closing_) return finish_closing();
  if (std::exchange(is_short_, false)) {
    pauses_.add(1);
    reactor_.timers().arm(timer_, reactor_.now() + kAcceptPause);
  }
}

void Listener::arm(AcceptMode mode) noexcept {
  const AcceptMode before = std::exchange(mode_, mode);
  switch (mode_) {
    case AcceptMode::kMany:
      return reactor_.ring().accept_multishot(accept_, fd_.get());
    case AcceptMode::kOne:
      return reactor_.ring().accept(accept_, fd_.get());
    case AcceptMode::kNone:
      if (before != AcceptMode::kNone) pauses_.add(1);
      return;
  }
}

void Listener::finish_closing() noexcept {
  if (!fd_.is_open()) return;
  // Closing a listening socket resets what waits in its queue: those clients have a connection
  // already and are served.
  for (;;) {
    sys::Fd client(::accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (client.is_open()) {
      owner_.on_connection(*this, std::move(client));
    } else if (errno != ECONNABORTED && errno != EINTR) {
      break;
    }
  }
  fd_.reset();
  owner_.on_listener_closed(*this);
}

}  // namespace sluice::proxy
