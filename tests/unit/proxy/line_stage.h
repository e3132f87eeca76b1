// A stage for tests: reads one line from its socket and acts upon it.
#pragma once

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "proxy/relay.h"
#include "proxy/stage.h"
#include "uring/completion.h"

namespace sluice::proxy {

/// What a LineStage is for.
struct LinePlan {
  std::string wanted = "ok\n";  ///< another line fails it
  Ending when_wrong{CloseReason::kProxyHeaderInvalid, Side::kClient};
  Stage::TimeLimit limit{};
  std::string says{};                          ///< sent when it starts
  ByteString Findings::*unread = nullptr;      ///< where bytes behind the line go
  std::function<void(Findings&)> when_done{};  ///< runs when the line has come
  bool keeps_waiting = false;                  ///< an operation is in flight when it is done
};

class LineStage final : public Stage {
 public:
  LineStage(const StageSeat& seat, const LinePlan& plan) noexcept
      : Stage(seat, plan.limit), plan_(plan) {}

  void start() noexcept override {
    if (!plan_.says.empty()) ::send(seat_.fd, plan_.says.data(), plan_.says.size(), MSG_NOSIGNAL);
    line_.swap(seat_.findings.*plan_.unread);
    judge();
    if (progress() == Progress::kWorking) wait();
  }
  bool is_quiet() const noexcept override { return !readable_.is_in_flight(); }

 private:
  void cancel() noexcept override { seat_.context.reactor.ring().cancel(readable_); }
  void wait() noexcept { seat_.context.reactor.ring().poll(readable_, seat_.fd, POLLIN); }

  void on_readable(uring::Outcome /*outcome*/) noexcept {
    if (progress() != Progress::kWorking) return;
    std::array<std::byte, 4096> bytes{};
    const auto count = ::recv(seat_.fd, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (count > 0) line_.insert(line_.end(), bytes.begin(), bytes.begin() + count);
    if (count == 0) fail({CloseReason::kClientClosed, Side::kClient});
    judge();
    if (progress() == Progress::kWorking || plan_.keeps_waiting) wait();
  }

  void judge() noexcept {
    const auto end = std::find(line_.begin(), line_.end(), std::byte{'\n'});
    if (end == line_.end() || progress() != Progress::kWorking) return;
    std::string line;
    for (auto each = line_.begin(); each != end + 1; ++each) line += static_cast<char>(*each);
    if (line != plan_.wanted) return fail(plan_.when_wrong);
    (seat_.findings.*plan_.unread).assign(end + 1, line_.end());
    if (plan_.when_done) plan_.when_done(seat_.findings);
    finish();
  }

  const LinePlan& plan_;
  ByteString line_;
  uring::Op<&LineStage::on_readable> readable_{*this};
};

class LineStageMaker final : public StageMaker {
 public:
  explicit LineStageMaker(LinePlan plan) : plan_(std::move(plan)) {}
  std::unique_ptr<Stage> make(const StageSeat& seat) const override {
    return std::make_unique<LineStage>(seat, plan_);
  }

 private:
  LinePlan plan_;
};

/// Needs nothing for any session.
class NoStageMaker final : public StageMaker {
 public:
  std::unique_ptr<Stage> make(const StageSeat& /*seat*/) const override { return nullptr; }
};

inline std::unique_ptr<StageMaker> expect_line_of_client(LinePlan plan = {}) {
  plan.unread = &Findings::from_client;
  return std::make_unique<LineStageMaker>(std::move(plan));
}

inline std::unique_ptr<StageMaker> expect_line_of_server(LinePlan plan = {}) {
  plan.unread = &Findings::from_server;
  plan.when_wrong = {CloseReason::kVerifyFailed, Side::kServer};
  return std::make_unique<LineStageMaker>(std::move(plan));
}

template <typename... Makers>
StageSequence sequence_of(Makers... makers) {
  StageSequence sequence;
  (sequence.push_back(std::move(makers)), ...);
  return sequence;
}

}  // namespace sluice::proxy
