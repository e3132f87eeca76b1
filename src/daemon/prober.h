// The active health checks of all servers, on the control thread's io_context.
//
// For each checked server one timer: interval from the begin of a check to the begin of the next,
// never two at once; a quarter of it, but not below 100 ms, while the server is on the way from one
// state to the other (`UP 2/3`, `DOWN 1/2`), so that a change is known soon. A check's outcome goes
// into the server's live state (balance/server.h), where the workers see it. First checks are
// spread out, by the server's name, so that many servers make no burst and few are known soon; so
// are the later ones, which keep their distance. At most `max_in_flight` checks wait for an answer
// at a time; further ones queue and are late, which is reported once a minute at most.
//
// Control thread only. Lets no exception out but std::bad_alloc.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "balance/server.h"
#include "daemon/health_check.h"
#include "sluice/config.h"

namespace sluice::daemon {

/// A server as the configuration in force wants it checked.
struct ProbeTarget {
  std::shared_ptr<balance::ServerState> state;
  CheckPlan plan;  ///< plan.check.type none: not checked, NOCHECK
};

/// When the first check of a server begins, counted from the moment it is added together with
/// `count` - 1 others: within 10 ms for each of them, but not later than `interval`. The same for
/// the same name every time.
[[nodiscard]] std::chrono::nanoseconds first_check_delay(std::string_view backend,
                                                         std::string_view server, std::size_t count,
                                                         std::chrono::milliseconds interval);

/// From the begin of a check to the begin of the next, by what the last one made of the server.
[[nodiscard]] std::chrono::milliseconds pause_after(const balance::HealthStatus& status,
                                                    std::chrono::milliseconds interval) noexcept;

class Prober {
 public:
  struct Options {
    std::size_t max_in_flight = 1024;  ///< descriptors that checks may use, at least 1
  };
  /// Takes one line for the log: `server shop/app1 is DOWN: connection refused (1 of 2 up)`.
  using OnEvent = std::function<void(LogLevel, const std::string&)>;

  /// `io` outlives the prober. `on_event` may be called whenever `io` runs.
  Prober(boost::asio::io_context& io, Options options, OnEvent on_event);
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;
  /// As apply({}).
  ~Prober();

  /// From now on these servers are checked, and no others. A server whose address and check are
  /// what they were goes on as if nothing had happened; one that is new or changed is checked
  /// soon. Health that is known stays, also that of a server which is left out.
  void apply(std::vector<ProbeTarget> targets);

  [[nodiscard]] std::size_t servers() const noexcept { return probes_.size(); }
  [[nodiscard]] std::size_t in_flight() const noexcept { return in_flight_; }
  /// Checks that finished, successful or not.
  [[nodiscard]] std::uint64_t finished() const noexcept { return finished_; }

 private:
  class Probe;
  struct Tally {
    std::size_t servers = 0;
    std::size_t up = 0;
  };

  void count_servers();
  void wait_until(Probe& probe, std::chrono::steady_clock::time_point due);
  void begin_or_queue(const std::shared_ptr<Probe>& probe);
  void begin(Probe& probe);
  void begin_queued();
  void on_result(Probe& probe, const CheckResult& result);
  void report(const balance::ServerState& state, const std::string& reason);
  void warn_if_late(const Probe& probe);

  boost::asio::io_context& io_;
  Options options_;
  OnEvent on_event_;
  std::map<const balance::ServerState*, std::shared_ptr<Probe>> probes_;
  std::map<const balance::BackendState*, Tally> tallies_;
  std::deque<std::weak_ptr<Probe>> queue_;  ///< due, but max_in_flight are under way
  std::size_t in_flight_ = 0;
  std::uint64_t finished_ = 0;
  std::chrono::steady_clock::time_point next_late_warning_{};
};

}  // namespace sluice::daemon
