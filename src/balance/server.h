// The live state of backends and their servers: what a reload must not lose.
//
// Compiled tables are immutable and come and go; they refer to these objects by raw pointer. The
// objects are found by name: (backend) and (backend, server). The number of workers is fixed for
// the life of the process, so every object holds one slot for each worker from the start.
//
// Shared between threads: workers count sessions and read the health; the control thread writes the
// health and reads the numbers. What belongs to one thread only says so at its member.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "balance/health.h"
#include "balance/orders.h"
#include "balance/outlier.h"
#include "balance/wait_line.h"
#include "stats/counters.h"

namespace sluice::balance {

/// A server's place in a worker's smooth round robin (rotation.h): the credit it had when that was
/// last written down, and when this was, counted in picks from its backend.
struct RotationPlace {
  std::int32_t credit = 0;
  std::uint32_t arrangement = 0;  ///< number of the last arrangement it was part of; 0 = none
  std::uint64_t written_at = 0;
};

/// What one worker counts for the rotation among the servers of a backend.
struct RotationClock {
  std::uint64_t picks = 0;
  std::uint32_t arrangements = 0;  ///< times that the servers taking part were looked up anew
};

/// What one worker keeps about one server. Only that worker writes it; the control thread reads
/// `traffic`. It fills one cache line of its own (the place uses the padding of the counters).
struct alignas(64) WorkerSlot {
  [[no_unique_address]] stats::TrafficCounters traffic;
  RotationPlace place;
};
static_assert(sizeof(WorkerSlot) == 64);

class ServerState;

/// Told of what happens to servers.
class ServerWatcher {
 public:
  /// Control thread: its checks have failed, it has just gone down.
  virtual void on_server_down(ServerState& server) = 0;
  /// A worker's thread, which is not to wait: its sessions fail.
  virtual void on_server_failing(ServerState& server, const Streak& streak) noexcept = 0;
  /// Any thread, likewise: one of which on_server_failing() has told has served a session, or its
  /// checks have seen it fail and recover.
  virtual void on_server_serving(ServerState& server) noexcept = 0;
  /// It went up or down or got other orders: sessions that wait may be in for something else.
  virtual void on_server_changed(ServerState& server) = 0;

 protected:
  ~ServerWatcher() = default;
};

/// What all servers of one backend name share. Any thread.
class BackendState {
 public:
  /// `watcher` may be null, else it outlives the state.
  BackendState(std::string name, std::size_t workers, ServerWatcher* watcher = nullptr)
      : clocks_(workers), name_(std::move(name)), watcher_(watcher), line_(workers) {}
  BackendState(const BackendState&) = delete;
  BackendState& operator=(const BackendState&) = delete;

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] std::size_t workers() const noexcept { return clocks_.size(); }

  /// Sessions on all of its servers, and the most there were at once.
  [[nodiscard]] const stats::SharedGauge& sessions() const noexcept { return sessions_; }

  /// UDP flows among them, which have a limit of their own.
  [[nodiscard]] stats::SharedGauge& flows() noexcept { return flows_; }

  /// Sessions that wait, for any server or for their own; bounded by `queue_size`.
  [[nodiscard]] stats::SharedGauge& waiting() noexcept { return waiting_; }
  [[nodiscard]] const stats::SharedGauge& waiting() const noexcept { return waiting_; }
  /// Those that any server will do for. Its tickets are those of its servers' lines as well.
  [[nodiscard]] WaitLine& line() noexcept { return line_; }

  /// Grows whenever a server of this backend starts or stops to be up or gets other orders. Whoever
  /// has read a number here sees at least the health that was published before it.
  [[nodiscard]] std::uint64_t changes() const noexcept {
    return changes_.load(std::memory_order_acquire);
  }

  /// The clock of worker `worker`'s rotation. That worker only.
  [[nodiscard]] RotationClock& clock(std::uint32_t worker) noexcept { return clocks_[worker].own; }

 private:
  friend class ServerState;

  struct alignas(64) Padded {
    RotationClock own;
  };

  std::atomic<std::uint64_t> changes_{0};
  std::vector<Padded> clocks_;
  std::string name_;
  ServerWatcher* watcher_;
  alignas(64) stats::SharedGauge sessions_;
  stats::SharedGauge flows_;
  stats::SharedGauge waiting_;
  WaitLine line_;
};

/// The live state of one server.
///
/// A worker calls take() as soon as it has picked the server, so that a connection that is still
/// being established counts as load, and session_ended() exactly once for each taken. A session
/// that moves on to another server ends here and begins there.
///
/// The limit is that of the table in force, for sessions of older ones as well: what the server can
/// bear does not depend on when a client came.
class alignas(64) ServerState {
 public:
  using Clock = std::chrono::steady_clock;

  /// `backend` outlives it.
  ServerState(BackendState& backend, std::string name)
      : backend_(&backend),
        slots_(backend.workers()),
        line_(backend.workers()),
        name_(std::move(name)) {}
  ServerState(const ServerState&) = delete;
  ServerState& operator=(const ServerState&) = delete;

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] BackendState& backend() const noexcept { return *backend_; }

  // --- Workers ---

  /// Counts a session unless the limit is reached or somebody waits who comes first. Exact,
  /// whatever other workers do at the same instant.
  [[nodiscard]] bool take(std::uint32_t worker, std::uint64_t ticket) noexcept;

  /// Whether take() would have had room just now.
  [[nodiscard]] bool has_room(std::uint64_t ticket) const noexcept {
    const std::uint32_t most = limit();
    return most == 0 || (sessions_.is_below(most) && !line_.is_ahead_of(ticket));
  }
  /// The same, leaving aside who waits.
  [[nodiscard]] bool is_below_limit() const noexcept {
    const std::uint32_t most = limit();
    return most == 0 || sessions_.is_below(most);
  }

  /// The most sessions it may have, 0 = any number.
  [[nodiscard]] std::uint32_t limit() const noexcept {
    return limit_.load(std::memory_order_relaxed);
  }
  /// Sessions that wait for this server and no other.
  [[nodiscard]] WaitLine& line() noexcept { return line_; }
  [[nodiscard]] const WaitLine& line() const noexcept { return line_; }

  /// Counts a session whatever the limit.
  void session_began(std::uint32_t worker) noexcept {
    sessions_.up();
    backend_->sessions_.up();
    slots_[worker].traffic.total.add(1);
  }
  void session_ended() noexcept {
    sessions_.down();
    backend_->sessions_.down();
  }

  /// A session could not be taken there, by the server's doing.
  void note_failure(const OutlierRules& rules, base::TimePoint now) noexcept;
  /// One was.
  void note_success() noexcept;

  /// Sessions on all workers, and the most there were at once.
  [[nodiscard]] const stats::SharedGauge& sessions() const noexcept { return sessions_; }

  [[nodiscard]] HealthStatus health() const noexcept {
    return HealthStatus::from_word(health_word_.load(std::memory_order_relaxed));
  }

  [[nodiscard]] Orders orders() const noexcept {
    return Orders::from_word(orders_word_.load(std::memory_order_relaxed));
  }

  /// Worker `worker`'s own counters and place. That worker; the control thread may read `traffic`.
  [[nodiscard]] WorkerSlot& slot(std::uint32_t worker) noexcept { return slots_[worker]; }
  [[nodiscard]] const std::vector<WorkerSlot>& slots() const noexcept { return slots_; }

  // --- Control thread ---

  /// Puts the server under active checks, or under new rules; health that is known stays.
  void start_checks(HealthRules rules, Clock::time_point now);
  /// It counts as up from now on, as NOCHECK.
  void stop_checks(Clock::time_point now);

  /// Takes in a finished check. `text` is what the column `check` shows: `ok 0.4ms`,
  /// `connection refused`.
  void on_check(CheckOutcome outcome, std::string text, Clock::time_point now);

  /// Of the table that comes into force.
  void set_limit(std::uint32_t limit) noexcept { limit_.store(limit, std::memory_order_relaxed); }

  /// Takes effect on the next pick of every worker. Whoever changes a weight also tells the
  /// backends that know the server (Backend::rebuild()).
  void set_orders(Orders orders, Clock::time_point now);

  /// Leaves it out of the traffic while there are others. `text` is what the column `check` shows
  /// meanwhile.
  void eject(std::string text, Clock::time_point now);
  /// Ends that, if it is so, and forgets its failures.
  void readmit(Clock::time_point now);
  /// How often it was ejected.
  [[nodiscard]] std::uint64_t ejections() const noexcept { return ejections_; }
  /// Its sessions fail: told, and none has been served since.
  [[nodiscard]] bool is_failing() const noexcept { return streak_.is_given(); }

  /// Notes a check that could not be made for a reason of our own: shown, but not held against the
  /// server.
  void note_check(std::string text) { check_text_ = std::move(text); }

  /// Why it is ejected, else the last check's outcome, `-` before the first.
  [[nodiscard]] const std::string& check_text() const noexcept {
    return ejection_text_.empty() ? check_text_ : ejection_text_;
  }
  /// When it last went up or down, was ejected or readmitted or got other orders; its creation at
  /// first.
  [[nodiscard]] Clock::time_point last_change() const noexcept { return last_change_; }

 private:
  void publish_health(const HealthStatus& before, Clock::time_point now);
  [[nodiscard]] HealthStatus known_health() const noexcept;
  void look_for_recovery(CheckOutcome outcome) noexcept;

  // One cache line for what a pick touches.
  stats::SharedGauge sessions_;
  std::atomic<std::uint64_t> health_word_{HealthStatus{}.to_word()};
  std::atomic<std::uint32_t> orders_word_{Orders{}.to_word()};
  StreakCounter streak_;
  std::atomic<std::uint32_t> limit_{0};
  BackendState* backend_;
  std::vector<WorkerSlot> slots_;
  WaitLine line_;

  std::string name_;
  Health health_;                                 // control thread
  std::string check_text_ = "-";                  // control thread
  std::string ejection_text_;                     // control thread; empty = it is not
  bool has_failed_checks_ = false;                // control thread; since it was ejected
  std::uint64_t ejections_ = 0;                   // control thread
  Clock::time_point last_change_ = Clock::now();  // control thread
};

}  // namespace sluice::balance
