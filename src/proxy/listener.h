// One listening socket of one worker.
//
//   accepting <--> paused (all the sessions it may have, or no descriptors left)
//       |            |
//       +--> closing <+   the accept in flight ends; what the queue still holds is accepted; then
//       the socket closes
//
// A multishot accept gives one completion per connection. Every worker has its own socket for an
// address (SO_REUSEPORT), and the kernel spreads connections over them. Thread: its worker's.
#pragma once

#include <string>

#include "reactor/reactor.h"
#include "stats/counters.h"
#include "sys/fd.h"
#include "uring/completion.h"

namespace sluice::proxy {

class Listener;

/// Takes the connections and learns when a closing listener is done.
class ListenerOwner {
 public:
  virtual void on_connection(Listener& listener, sys::Fd client) noexcept = 0;
  /// The last call about this listener; it may be destroyed now.
  virtual void on_listener_closed(Listener& listener) noexcept = 0;

 protected:
  ~ListenerOwner() = default;
};

class Listener {
 public:
  /// Starts accepting. `name` is the address as the configuration writes it.
  Listener(reactor::Reactor& reactor, ListenerOwner& owner, std::string name, sys::Fd fd,
           stats::Counter& pauses);

  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  /// Leaves connections in the kernel's queue until `resume()`; those already accepted still come.
  void pause() noexcept;
  void resume() noexcept;

  /// Stops accepting. `on_listener_closed()` follows, perhaps at once.
  void close() noexcept;

  void settle() noexcept;

 private:
  void on_accept(uring::Outcome outcome) noexcept;
  void on_timer() noexcept {}  // settle() tries again
  void accept_rest() noexcept;

  reactor::Reactor& reactor_;
  ListenerOwner& owner_;
  std::string name_;
  sys::Fd fd_;
  stats::Counter& pauses_;
  bool is_closing_ = false;
  bool is_paused_ = false;
  bool is_short_ = false;  ///< the last accept found no descriptor
  uring::Op<&Listener::on_accept> accept_{*this};
  reactor::Timer<&Listener::on_timer> timer_{*this};
};

}  // namespace sluice::proxy
