#include "daemon/health_check.h"

#include <boost/asio/post.hpp>
#include <utility>

#include "daemon/connect_check.h"
#include "daemon/datagram_check.h"
#include "daemon/stream_check.h"

namespace sluice::daemon {
namespace {

using Clock = std::chrono::steady_clock;

bool is_conversation(const CheckPlan& plan) {
  return plan.check.type == HealthCheckType::kHttp || plan.tls.context != nullptr ||
         !plan.check.send.empty() || !plan.check.expect.empty();
}

/// The check of a server that nobody knows where to find.
class LostCheck final : public HealthCheck {
 public:
  LostCheck(boost::asio::io_context& io, CheckPlan plan, Done done)
      : HealthCheck(io, std::move(plan), std::move(done)) {}

 private:
  void begin() override { finish_later(check_failed(plan().problem)); }
  void close() noexcept override {}
};

}  // namespace

std::shared_ptr<HealthCheck> HealthCheck::start(boost::asio::io_context& io, CheckPlan plan,
                                                Done done) {
  std::shared_ptr<HealthCheck> check;
  if (!plan.problem.empty()) {
    check = std::make_shared<LostCheck>(io, std::move(plan), std::move(done));
  } else if (plan.check.type == HealthCheckType::kUdp) {
    check = std::make_shared<DatagramCheck>(io, std::move(plan), std::move(done));
  } else if (is_conversation(plan)) {
    check = std::make_shared<StreamCheck>(io, std::move(plan), std::move(done));
  } else {
    check = std::make_shared<ConnectCheck>(io, std::move(plan), std::move(done));
  }
  check->arm();
  check->begin();
  return check;
}

HealthCheck::HealthCheck(boost::asio::io_context& io, CheckPlan plan, Done done)
    : io_(io), plan_(std::move(plan)), timer_(io), started_(Clock::now()), done_(std::move(done)) {}

void HealthCheck::arm() {
  if (plan_.check.timeout.count() == 0) return;
  timer_.expires_after(plan_.check.timeout);
  timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (!error && !self->is_finished()) self->finish(self->at_timeout());
  });
}

void HealthCheck::cancel() noexcept {
  done_ = nullptr;
  boost::system::error_code ignored;
  timer_.cancel(ignored);
  close();
}

CheckResult HealthCheck::at_timeout() const {
  return check_failed("timeout after " + setting_text(plan_.check.timeout));
}

Clock::duration HealthCheck::elapsed() const {
  return Clock::now() - started_;
}

void HealthCheck::finish(const CheckResult& result) {
  const Done done = std::exchange(done_, nullptr);
  cancel();
  if (done) done(result);
}

void HealthCheck::finish_later(CheckResult result) {
  boost::asio::post(
      io_, [self = shared_from_this(), result = std::move(result)] { self->finish(result); });
}

}  // namespace sluice::daemon
