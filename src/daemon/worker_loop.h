// What runs on one worker thread: its reactor, listeners, sessions, buffers and pipes.
//
// Everything here belongs to the worker's thread, but for the numbers in `WorkerNumbers` and the
// mailbox. The control thread asks for things by letters (worker.h) and is told of things through
// `WorkerEvents`.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/chunk_pool.h"
#include "proxy/listener.h"
#include "proxy/pipe_pool.h"
#include "proxy/relay.h"
#include "proxy/secure_relay.h"
#include "proxy/session_log.h"
#include "proxy/session_set.h"
#include "proxy/table_pins.h"
#include "proxy/udp_service.h"
#include "reactor/reactor.h"
#include "stats/counters.h"

namespace sluice::daemon {

class WorkerLoop;

/// Told on the worker's thread; whoever implements it hands the news on without waiting.
class WorkerEvents {
 public:
  virtual void on_table_returned(proxy::RouteTable& table) noexcept = 0;
  /// The session log has records. Called once until `WorkerLoop::rearm_log()`.
  virtual void on_log_ready() noexcept = 0;
  /// After stop_accepting(): neither a listener nor a session is left. Called once.
  virtual void on_drained() noexcept = 0;

 protected:
  ~WorkerEvents() = default;
};

enum class Transport : std::uint8_t { kTcp, kUdp };

/// A listening socket on its way to a worker, under the name that the configuration gives the
/// address.
struct NewListener {
  std::string name;
  sys::Fd fd;
  Transport transport = Transport::kTcp;
  stats::SharedGauge* flows = nullptr;  ///< of a UDP address, on all workers; outlives them
};

/// Numbers that the loop writes at the end of a turn and anybody reads.
struct WorkerNumbers {
  stats::Counter buffers_in_use;
  stats::Counter sessions_begun;
  stats::Counter handed_over;
  stats::Counter accept_pauses;
};

class WorkerLoop final : private reactor::TurnEnd,
                         private proxy::TableReturn,
                         private proxy::ListenerOwner,
                         private proxy::LineMessenger,
                         private proxy::FlowRoom {
 public:
  struct Parts {
    reactor::Reactor& reactor;
    proxy::ChunkPool& chunks;
    proxy::UdpService::Pools datagrams;
    tls::Aead aead;
    std::uint32_t worker;
    std::size_t pipe_limit;
  };

  WorkerLoop(Parts parts, WorkerEvents& events);

  /// Until `quit()`.
  void run() noexcept { reactor_.run(*this); }
  void quit() noexcept { reactor_.stop(); }

  /// Connections accepted from now on go by `table`; listeners that it does not know close, the
  /// given ones start.
  void take_table(proxy::RouteTable& table, std::vector<NewListener> added);

  struct Options {
    bool is_splice_allowed = true;
    tls::KtlsPolicy ktls;
    bool is_logging = true;
    std::uint64_t session_limit = 0;   ///< of all workers together; beyond it nobody accepts
    std::uint64_t listen_backlog = 0;  ///< connections that the kernel's queue may hold
  };
  void set_options(const Options& options) noexcept;

  /// Closes the listeners; on_drained() follows when the last session has ended.
  void stop_accepting() noexcept;

  // Sessions and UDP flows alike.
  /// One of `parts` of those that match, the oldest; gives how many.
  std::uint64_t close_sessions(const proxy::SessionFilter& filter, CloseReason reason,
                               std::uint64_t parts = 1) noexcept;
  [[nodiscard]] std::vector<SessionRow> describe_sessions(const proxy::SessionFilter& filter,
                                                          std::size_t limit);
  [[nodiscard]] std::uint64_t count_sessions(const proxy::SessionFilter& filter) noexcept;

  /// Sessions that wait look again whether there is room for them, and whether there ever will be.
  void review_waiting() { sessions_.room().review(); }

  /// Loops that may take connections from this one; they live as long. Before the first table.
  void set_siblings(std::vector<WorkerLoop*> siblings) { siblings_ = std::move(siblings); }

  // Any thread.
  [[nodiscard]] const reactor::Reactor& reactor() const noexcept { return reactor_; }
  [[nodiscard]] reactor::Mailbox& mailbox() noexcept { return reactor_.mailbox(); }
  [[nodiscard]] const proxy::SessionSet& session_numbers() const noexcept { return sessions_; }
  [[nodiscard]] const proxy::RelayContext& relay_numbers() const noexcept { return relay_; }
  [[nodiscard]] const proxy::SecureContext& secure_numbers() const noexcept { return secure_; }
  [[nodiscard]] const proxy::PipePool& pipe_numbers() const noexcept { return pipes_; }
  [[nodiscard]] const WorkerNumbers& numbers() const noexcept { return numbers_; }
  [[nodiscard]] const proxy::UdpNumbers& udp_numbers() const noexcept { return udp_.numbers(); }
  /// Sessions, and connections on their way here from other workers.
  [[nodiscard]] std::uint64_t load() const noexcept {
    return sessions_.count() + arriving_.load(std::memory_order_relaxed);
  }
  /// Of the table it goes by; 0 before the first and once it has stopped accepting.
  [[nodiscard]] std::uint64_t generation() const noexcept {
    return generation_.load(std::memory_order_acquire);
  }
  [[nodiscard]] proxy::SessionLog& log() noexcept { return log_; }
  void rearm_log() noexcept { is_log_told_.exchange(false); }

  void settle() noexcept {}  // for reactor::Timer: nothing ends here

 private:
  /// A listener, where its connections go, and on whose table that stands.
  struct Door {
    Door(WorkerLoop& loop, NewListener listener);
    proxy::Listener listener;
    proxy::FrontendRoute* route = nullptr;
    proxy::TablePin* held = nullptr;  ///< while it closes
  };
  struct HandOver;
  struct LineCall;
  struct RoomWish;

  void on_turn_end() noexcept override;
  void on_table_returned(proxy::RouteTable& table) noexcept override;
  void on_connection(proxy::Listener& listener, sys::Fd client) noexcept override;
  void on_listener_closed(proxy::Listener& listener) noexcept override;
  void call(std::uint32_t worker, const balance::WaitLine& line,
            std::uint64_t after) noexcept override;
  [[nodiscard]] bool has_room() const noexcept override;
  void ask_others(const std::string& backend, std::uint64_t share) noexcept override;

  void close_door(Door& door) noexcept;
  void begin_session(Door& door, sys::Fd client) noexcept;
  [[nodiscard]] WorkerLoop* less_busy_loop() noexcept;
  [[nodiscard]] proxy::AcceptMode accept_mode() const noexcept;
  [[nodiscard]] proxy::AcceptMode accept_mode(const Door& door) const noexcept;
  [[nodiscard]] std::uint64_t all_sessions() const noexcept;
  void keep_to_limit() noexcept;
  void on_recheck() noexcept {}  // the turn that it makes looks again
  [[nodiscard]] std::list<Door>::iterator place_of(const proxy::Listener& listener) noexcept;
  [[nodiscard]] Door* find_door(const std::string& name) noexcept;

  reactor::Reactor& reactor_;
  WorkerEvents& events_;
  proxy::ChunkPool& chunks_;
  proxy::PipePool pipes_;
  proxy::RelayContext relay_;
  proxy::SecureContext secure_;
  proxy::TablePins pins_;
  proxy::SessionLog log_;
  proxy::SessionSet sessions_;
  proxy::UdpService udp_;
  std::list<Door> doors_;
  std::list<Door>
      closed_doors_;  ///< freed at the end of the turn, when no caller of theirs is on the stack
  std::vector<WorkerLoop*> siblings_;
  WorkerNumbers numbers_;
  std::uint64_t session_limit_ = 0;
  std::uint64_t listen_backlog_ = 0;
  reactor::Timer<&WorkerLoop::on_recheck> recheck_{*this};
  std::atomic<std::uint64_t> arriving_{0};
  std::atomic<std::uint64_t> generation_{0};
  std::atomic<bool> is_log_told_{false};
  bool is_stopping_ = false;
  bool is_drain_told_ = false;
};

}  // namespace sluice::daemon
