// One active check of one server, from its begin to its result.
//
//   started --> (the kind's own steps) --> finished     timeout, cancel(): from every step
//
// The base has what all kinds share: the deadline, the one call of `done`, the time it took.
// `make_check()` knows the kinds. Control thread; handlers on the way hold it alive.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "daemon/check_result.h"
#include "daemon/check_tls.h"
#include "sluice/address.h"
#include "sluice/config.h"

namespace sluice::daemon {

/// What is checked, and how.
struct CheckPlan {
  Endpoint address;         ///< where the check goes
  std::string problem;      ///< why that is unknown, which fails the check
  HealthCheckConfig check;  ///< type is not none
  std::string host;         ///< http: the Host header
  CheckTls tls;             ///< whether and how it speaks TLS

  bool operator==(const CheckPlan&) const = default;
};

class HealthCheck : public std::enable_shared_from_this<HealthCheck> {
 public:
  using Done = std::function<void(const CheckResult&)>;

  /// Begins. `done` is called once, later, out of the io_context.
  [[nodiscard]] static std::shared_ptr<HealthCheck> start(boost::asio::io_context& io,
                                                          CheckPlan plan, Done done);
  HealthCheck(const HealthCheck&) = delete;
  HealthCheck& operator=(const HealthCheck&) = delete;

  /// Closes the socket; `done` is not called any more.
  void cancel() noexcept;

 protected:
  HealthCheck(boost::asio::io_context& io, CheckPlan plan, Done done);
  virtual ~HealthCheck() = default;

  virtual void begin() = 0;
  virtual void close() noexcept = 0;
  /// What it means that the time is over; `timeout after 2s` unless the kind knows better.
  [[nodiscard]] virtual CheckResult at_timeout() const;

  [[nodiscard]] boost::asio::io_context& io() const noexcept { return io_; }
  [[nodiscard]] const CheckPlan& plan() const noexcept { return plan_; }
  [[nodiscard]] std::chrono::steady_clock::duration elapsed() const;
  /// Handlers that come after the end have nothing to do any more.
  [[nodiscard]] bool is_finished() const noexcept { return !done_; }
  void finish(const CheckResult& result);
  /// For a result that is known before `start()` has returned.
  void finish_later(CheckResult result);

 private:
  void arm();

  boost::asio::io_context& io_;
  CheckPlan plan_;
  boost::asio::steady_timer timer_;
  std::chrono::steady_clock::time_point started_;
  Done done_;  ///< empty = finished
};

}  // namespace sluice::daemon
