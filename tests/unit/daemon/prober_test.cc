#include "daemon/prober.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "balance/registry.h"
#include "sys/fd.h"
#include "sys/socket.h"

namespace sluice::daemon {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::MatchesRegex;

constexpr auto kPatience = 10s;  ///< longer than anything here takes; not a wait

/// A port on loopback that refuses connections until listen() and again after refuse(). It is held
/// all the time, so that nobody else gets it.
class Server {
 public:
  explicit Server(int family = AF_INET)
      : holder_(bind_to(Endpoint::from_ip(family == AF_INET6 ? "::1" : "127.0.0.1", 0).value())) {}

  void listen(int backlog = 128) {
    fd_ = bind_to(endpoint());
    if (::listen(fd_.get(), backlog) != 0) throw std::runtime_error("listen");
  }
  void refuse() { fd_.reset(); }

  /// Leaves no room in the backlog, so that the kernel drops every further SYN.
  void fill() {
    listen(0);
    for (int i = 0; i < 3; ++i) {  // backlog 0 takes one of them
      fillers_.push_back(sys::make_tcp_socket(endpoint().family()));
      const auto to = endpoint();
      ::connect(fillers_.back().get(), to.data(), to.size());
    }
  }

  /// Connections that the server's program gets to see.
  int accepted() {
    int count = 0;
    while (sys::Fd(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC)).is_open()) ++count;
    return count;
  }

  [[nodiscard]] Endpoint endpoint() const { return sys::local_endpoint(holder_.get()); }

 private:
  /// Several sockets may have the port as long as at most one listens (SO_REUSEADDR, socket(7)).
  static sys::Fd bind_to(const Endpoint& address) {
    sys::Fd fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int on = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (::bind(fd.get(), address.data(), address.size()) != 0) throw std::runtime_error("bind");
    return fd;
  }

  sys::Fd holder_;
  sys::Fd fd_;  ///< while it listens
  std::vector<sys::Fd> fillers_;
};

class ProberTest : public testing::Test {
 protected:
  /// A target in backend shop; timings short enough for a test.
  ProbeTarget target(const std::string& name, const Endpoint& address,
                     std::chrono::milliseconds interval = 5ms) {
    HealthCheckConfig check;
    check.interval = interval;
    check.timeout = 5s;
    table_.push_back(registry_.server("shop", name));
    CheckPlan plan;
    plan.address = address;
    plan.check = check;
    return {.state = table_.back(), .plan = plan};
  }

  Prober& prober(std::size_t max_in_flight = 64) {
    if (!prober_) {
      prober_ = std::make_unique<Prober>(
          io_, Prober::Options{.max_in_flight = max_in_flight},
          [this](LogLevel, const std::string& line) { events_.push_back(line); });
    }
    return *prober_;
  }

  [[nodiscard]] testing::AssertionResult run_until(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return testing::AssertionFailure();
      io_.restart();
      io_.run_one_for(10ms);
    }
    return testing::AssertionSuccess();
  }

  [[nodiscard]] testing::AssertionResult run_checks(std::uint64_t count) {
    const auto end = prober().finished() + count;
    return run_until([this, end] { return prober().finished() >= end; });
  }

  std::string shown(const std::string& name) {
    return to_string(registry_.server("shop", name)->health(), balance::Duty::kServing);
  }
  std::string check_text(const std::string& name) {
    return registry_.server("shop", name)->check_text();
  }

  boost::asio::io_context io_;
  balance::ServerRegistry registry_{1};
  std::vector<std::shared_ptr<balance::ServerState>> table_;  ///< holds the states, as a table does
  std::vector<std::string> events_;
  std::unique_ptr<Prober> prober_;
};

TEST_F(ProberTest, AServerThatAcceptsIsUp) {
  Server server;
  server.listen();
  prober().apply({target("app1", server.endpoint())});
  EXPECT_EQ(shown("app1"), "UP 1/3");
  EXPECT_EQ(check_text("app1"), "-");
  ASSERT_TRUE(run_checks(1));
  EXPECT_EQ(shown("app1"), "UP");
  EXPECT_THAT(check_text("app1"), MatchesRegex("ok [0-9]+(\\.[0-9])?ms"));
  EXPECT_TRUE(events_.empty());
}

TEST_F(ProberTest, ChecksOverIpv6) {
  Server server(AF_INET6);
  server.listen();
  prober().apply({target("app1", server.endpoint())});
  ASSERT_TRUE(run_checks(1));
  EXPECT_EQ(shown("app1"), "UP");
}

TEST_F(ProberTest, ANewServerThatRefusesIsDownAfterOneCheck) {
  Server server;
  prober().apply({target("app1", server.endpoint())});
  ASSERT_TRUE(run_checks(1));
  EXPECT_EQ(shown("app1"), "DOWN");
  EXPECT_EQ(check_text("app1"), "connection refused");
  EXPECT_THAT(events_, ElementsAre("server shop/app1 is DOWN: connection refused (0 of 1 up)"));
}

TEST_F(ProberTest, AFullServerTimesOut) {
  Server server;
  server.fill();
  auto full = target("app1", server.endpoint());
  full.plan.check.timeout = 120ms;
  prober().apply({full});
  ASSERT_TRUE(run_checks(1));
  EXPECT_EQ(shown("app1"), "DOWN");
  EXPECT_EQ(check_text("app1"), "timeout after 120ms");
}

TEST_F(ProberTest, AServerFallsAndRisesStepByStep) {
  Server server;
  server.listen();
  Server other;
  other.listen();
  prober().apply({target("app1", server.endpoint()), target("app2", other.endpoint(), 1h)});
  ASSERT_TRUE(run_until([this] { return shown("app1") == "UP" && shown("app2") == "UP"; }));

  const auto follow = [this](const std::string& last) {
    std::vector<std::string> states{shown("app1")};
    EXPECT_TRUE(run_until([&] {
      if (shown("app1") != states.back()) states.push_back(shown("app1"));
      return states.back() == last;
    }));
    return states;
  };
  server.refuse();
  EXPECT_THAT(follow("DOWN"), ElementsAre("UP", "UP 2/3", "UP 1/3", "DOWN"));
  server.listen();
  EXPECT_THAT(follow("UP"), ElementsAre("DOWN", "DOWN 1/2", "UP"));
  EXPECT_THAT(events_, ElementsAre("server shop/app1 is DOWN: connection refused (1 of 2 up)",
                                   MatchesRegex("server shop/app1 is UP: ok .* \\(2 of 2 up\\)")));
}

TEST_F(ProberTest, ChecksLeaveNothingInTheServersBacklog) {
  Server server;
  server.listen(1);
  prober().apply({target("app1", server.endpoint(), 1ms)});
  ASSERT_TRUE(run_checks(50));  // far more than the backlog holds, and nobody accepts
  EXPECT_EQ(shown("app1"), "UP");
  EXPECT_TRUE(events_.empty());
  EXPECT_EQ(server.accepted(), 0);
}

TEST_F(ProberTest, AReloadWithoutAChangeDisturbsNothing) {
  Server server;
  server.listen();
  const std::vector<ProbeTarget> targets{target("app1", server.endpoint(), 1h),
                                         target("app2", server.endpoint(), 1h)};
  prober().apply(targets);
  ASSERT_TRUE(run_checks(2));
  server.refuse();  // a further check would show
  for (int i = 0; i < 20; ++i) prober().apply(targets);
  // A third server shows that time passes: whatever the others had started would be done by then.
  Server other;
  other.listen();
  auto more = targets;
  more.push_back(target("app3", other.endpoint(), 1ms));
  prober().apply(more);
  ASSERT_TRUE(run_checks(50));
  EXPECT_EQ(shown("app1"), "UP");
  EXPECT_EQ(shown("app2"), "UP");
}

TEST_F(ProberTest, ReloadsDoNotPutChecksOff) {
  Server server;
  server.listen();
  const std::vector<ProbeTarget> targets{target("app1", server.endpoint(), 20ms)};
  prober().apply(targets);
  ASSERT_TRUE(run_until([&] {
    prober().apply(targets);  // at every turn of the loop, much more often than every 20 ms
    return prober().finished() >= 5;
  }));
}

TEST_F(ProberTest, AReloadKeepsTheHealthOfAServerWhoseCheckChanged) {
  Server server;
  prober().apply({target("app1", server.endpoint(), 1h)});
  ASSERT_TRUE(run_checks(1));
  EXPECT_EQ(shown("app1"), "DOWN");
  server.listen();
  auto changed = target("app1", server.endpoint(), 1h);
  changed.plan.check.rise = 3;
  prober().apply({changed});
  EXPECT_EQ(shown("app1"), "DOWN");
  ASSERT_TRUE(run_checks(1));  // checked at once, not an hour later
  EXPECT_EQ(shown("app1"), "DOWN 1/3");
}

TEST_F(ProberTest, AServerWithoutChecksIsNocheck) {
  Server server;
  auto unchecked = target("app1", server.endpoint());
  prober().apply({unchecked});
  ASSERT_TRUE(run_checks(1));
  EXPECT_EQ(shown("app1"), "DOWN");
  unchecked.plan.check.type = HealthCheckType::kNone;
  prober().apply({unchecked});
  EXPECT_EQ(shown("app1"), "NOCHECK");
  EXPECT_EQ(check_text("app1"), "-");
  EXPECT_EQ(prober().servers(), 0U);
}

TEST_F(ProberTest, AServerThatIsLeftOutIsNotCheckedAnyMore) {
  Server server;
  server.fill();
  prober().apply({target("app1", server.endpoint(), 1h)});
  ASSERT_TRUE(run_until([this] { return prober().in_flight() == 1; }));
  prober().apply({});
  EXPECT_EQ(prober().in_flight(), 0U);
  EXPECT_EQ(prober().servers(), 0U);
  io_.restart();
  io_.run_for(kPatience);  // returns as soon as nothing is left to wait for
  EXPECT_TRUE(io_.stopped());
  EXPECT_EQ(prober().finished(), 0U);
  EXPECT_EQ(shown("app1"), "UP 1/3");
}

TEST_F(ProberTest, MayBeDestroyedInTheMiddleOfEverything) {
  Server full;
  full.fill();
  Server refusing;
  std::vector<ProbeTarget> targets;
  for (int i = 0; i < 20; ++i) {
    const auto name = "app" + std::to_string(i);
    targets.push_back(target(name, i % 2 == 0 ? full.endpoint() : refusing.endpoint(), 1ms));
  }
  prober(5).apply(targets);
  ASSERT_TRUE(run_checks(3));
  prober_.reset();
  io_.restart();
  io_.run_for(kPatience);
  EXPECT_TRUE(io_.stopped());
}

TEST_F(ProberTest, NeverMoreThanTheLimitAreInFlight) {
  constexpr std::size_t kServers = 40;
  Server server;
  server.fill();
  std::vector<ProbeTarget> targets;
  for (std::size_t i = 0; i < kServers; ++i) {
    targets.push_back(target("app" + std::to_string(i), server.endpoint(), 1h));
    targets.back().plan.check.timeout = 20ms;
  }
  prober(4).apply(targets);
  std::size_t most = 0;
  ASSERT_TRUE(run_until([&] {
    most = std::max(most, prober().in_flight());
    return prober().finished() == kServers;
  }));
  EXPECT_EQ(most, 4U);
  for (std::size_t i = 0; i < kServers; ++i) {
    EXPECT_EQ(check_text("app" + std::to_string(i)), "timeout after 20ms");
  }
}

TEST_F(ProberTest, LateChecksAreReportedOnce) {
  Server server;
  server.fill();
  std::vector<ProbeTarget> targets;
  for (int i = 0; i < 10; ++i) {
    targets.push_back(target("app" + std::to_string(i), server.endpoint(), 10ms));
    targets.back().plan.check.timeout = 20ms;
  }
  prober(1).apply(targets);
  ASSERT_TRUE(run_checks(25));
  const auto is_late = [](const std::string& line) {
    return line.starts_with("health checks are ");
  };
  EXPECT_EQ(std::count_if(events_.begin(), events_.end(), is_late), 1);
}

TEST_F(ProberTest, AShortageOfOurOwnIsNotHeldAgainstTheServer) {
  Server server;
  server.listen();
  prober().apply({target("app1", server.endpoint())});
  ASSERT_TRUE(run_checks(1));

  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const sys::Fd next(::dup(0));
  rlimit none_left = limit;
  none_left.rlim_cur = static_cast<rlim_t>(next.get());
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none_left), 0);
  const bool is_done = static_cast<bool>(run_checks(5));
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);

  ASSERT_TRUE(is_done);
  EXPECT_EQ(shown("app1"), "UP");
  EXPECT_EQ(check_text("app1"), "not checked: too many open files");
  ASSERT_TRUE(run_until([this] { return check_text("app1").starts_with("ok "); }));
  EXPECT_TRUE(events_.empty());
}

TEST(PauseAfter, IsShorterWhileTheServerChanges) {
  const auto pause = [](balance::HealthState state, std::uint16_t progress, std::uint16_t goal,
                        std::chrono::milliseconds interval) {
    return pause_after({.state = state, .is_checked = true, .progress = progress, .goal = goal},
                       interval);
  };
  using balance::HealthState;
  EXPECT_EQ(pause(HealthState::kUp, 3, 3, 2s), 2s);
  EXPECT_EQ(pause(HealthState::kUp, 2, 3, 2s), 500ms);
  EXPECT_EQ(pause(HealthState::kDown, 0, 2, 2s), 2s);
  EXPECT_EQ(pause(HealthState::kDown, 1, 2, 2s), 500ms);
  EXPECT_EQ(pause(HealthState::kUp, 2, 3, 200ms), 100ms) << "not below";
  EXPECT_EQ(pause(HealthState::kUp, 2, 3, 20ms), 20ms) << "never longer than the interval";
}

TEST(FirstCheckDelay, IsTheSameForTheSameNameAndStaysBelowTheInterval) {
  EXPECT_EQ(first_check_delay("shop", "app1", 10'000, 2s),
            first_check_delay("shop", "app1", 10'000, 2s));
  EXPECT_NE(first_check_delay("shop", "app1", 10'000, 2s),
            first_check_delay("shop", "app2", 10'000, 2s));
  EXPECT_NE(first_check_delay("shop", "app1", 10'000, 2s),
            first_check_delay("blog", "app1", 10'000, 2s));
}

TEST(FirstCheckDelay, SpreadsManyServersEvenlyOverTheInterval) {
  constexpr std::size_t kServers = 10'000;
  std::array<int, 20> slices{};
  for (std::size_t i = 0; i < kServers; ++i) {
    const auto delay = first_check_delay("shop", "app" + std::to_string(i), kServers, 2s);
    ASSERT_GE(delay, 0ns);
    ASSERT_LT(delay, 2s);
    ++slices.at(static_cast<std::size_t>(delay / 100ms));
  }
  for (const int count : slices) EXPECT_NEAR(count, 500, 100);
}

TEST(FirstCheckDelay, FewServersAreKnownSoon) {
  for (int i = 0; i < 100; ++i) {
    EXPECT_LT(first_check_delay("shop", "app" + std::to_string(i), 3, 1h), 30ms);
  }
}

}  // namespace
}  // namespace sluice::daemon
