// One listening socket of one worker.
//
//   accepting (many | one at a time) <--> resting (the process or the frontend has all the sessions
//   it may have)
//       |            |                        |
//       |            +<--> pausing            |   (descriptors ran out all the same: tried again
//       later)
//       +--> closing <------------------------+   what the queue still holds is accepted, then it
//       closes
//
// A multishot accept gives one completion per connection, for as many as the kernel's queue holds:
// right while there is room for all of them. Near the limit they are taken one by one, so that the
// limit holds exactly and the rest waits in the queue. The owner says which (`AcceptMode`), once a
// turn.
//
// Every worker has its own socket for an address (SO_REUSEPORT), and the kernel spreads connections
// over them. Thread: its worker's.
#pragma once

#include <cstdint>
#include <string>

#include "reactor/reactor.h"
#include "stats/counters.h"
#include "sys/fd.h"
#include "uring/completion.h"

namespace sluice::proxy {

class Listener;

/// The later, the stricter.
enum class AcceptMode : std::uint8_t { kMany, kOne, kNone };

/// Takes the connections and learns when a closing listener is done.
class ListenerOwner {
 public:
  virtual void on_connection(Listener& listener, sys::Fd client) noexcept = 0;
  /// The last call about this listener; it may be destroyed when the caller has returned.
  virtual void on_listener_closed(Listener& listener) noexcept = 0;

 protected:
  ~ListenerOwner() = default;
};

class Listener {
 public:
  /// Accepts nothing before the first review(). `name` is the address as the configuration writes
  /// it.
  Listener(reactor::Reactor& reactor, ListenerOwner& owner, std::string name, sys::Fd fd,
           stats::Counter& pauses);

  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  /// How much there is room for now. At the end of every turn: nothing else starts an accept.
  void review(AcceptMode mode) noexcept;

  /// Stops accepting. `on_listener_closed()` follows, perhaps at once.
  void close() noexcept;

  void settle() noexcept;

 private:
  void on_accept(uring::Outcome outcome) noexcept;
  void on_timer() noexcept {}  // the end of the turn tries again
  void arm(AcceptMode mode) noexcept;
  void finish_closing() noexcept;

  reactor::Reactor& reactor_;
  ListenerOwner& owner_;
  std::string name_;
  sys::Fd fd_;
  stats::Counter& pauses_;
  AcceptMode mode_ = AcceptMode::kNone;  ///< of the accept in flight
  bool is_closing_ = false;
  bool is_short_ = false;  ///< the last accept found no descriptor
  uring::Op<&Listener::on_accept> accept_{*this};
  reactor::Timer<&Listener::on_timer> timer_{*this};
};

}  // namespace sluice::proxy
