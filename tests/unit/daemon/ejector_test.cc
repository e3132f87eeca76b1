#include "daemon/ejector.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "balance/registry.h"

namespace sluice::daemon {
namespace {

using namespace std::chrono_literals;

/// A backend `shop` of `servers` servers whose ejections last 20 ms.
class EjectorTest : public testing::Test {
 protected:
  void configure(std::size_t servers, std::uint32_t percent) {
    BackendConfig& backend = config.backends.emplace_back();
    backend.name = "shop";
    backend.outlier = {
        .max_fails = 3, .window = 10s, .eject = 20ms, .max_ejected_percent = percent};
    for (std::size_t i = 0; i < servers; ++i) {
      backend.servers.emplace_back().name = "app" + std::to_string(i);
      states.push_back(registry.server("shop", backend.servers.back().name));
    }
  }
  BackendConfig& backend() { return config.backends.front(); }

  void fail(std::size_t server) {
    for (int i = 0; i < 3; ++i) states[server]->note_failure({3, 10s}, base::Clock::now());
    ejector.on_failing(states[server], {3, 1s}, backend());
  }
  [[nodiscard]] bool is_out(std::size_t server) const {
    return states[server]->health().is_ejected;
  }
  [[nodiscard]] bool has_line(const std::string& part) const {
    return std::any_of(lines.begin(), lines.end(), [&](const std::string& line) {
      return line.find(part) != std::string::npos;
    });
  }

  boost::asio::io_context io;
  std::vector<std::string> lines;
  Ejector ejector{io, [this](LogLevel, const std::string& line) { lines.push_back(line); }};
  balance::ServerRegistry registry{1};
  std::vector<std::shared_ptr<balance::ServerState>> states;
  Config config;
};

TEST_F(EjectorTest, EjectsForItsTime) {
  configure(2, 50);
  fail(0);
  EXPECT_TRUE(is_out(0));
  EXPECT_EQ(states[0]->check_text(), "ejected: 3 failures in 1.00s");
  EXPECT_TRUE(has_line("server shop/app0 is ejected for 20ms: 3 failures in 1.00s (1 of 2 are)"));
  io.run();
  EXPECT_FALSE(is_out(0));
  EXPECT_FALSE(states[0]->is_failing());
  EXPECT_TRUE(has_line("server shop/app0 is not ejected any more: its time is over"));
  EXPECT_EQ(lines.size(), 2U);
}

TEST_F(EjectorTest, ASuccessMeanwhileMakesTheNewsOld) {
  configure(2, 50);
  for (int i = 0; i < 3; ++i) states[0]->note_failure({3, 10s}, base::Clock::now());
  states[0]->note_success();
  ejector.on_failing(states[0], {3, 1s}, backend());
  EXPECT_FALSE(is_out(0));
  EXPECT_TRUE(lines.empty());
}

TEST_F(EjectorTest, SparesOneTooManyAndSaysSoOnce) {
  configure(2, 50);
  fail(0);
  fail(1);
  fail(1);
  EXPECT_FALSE(is_out(1));
  EXPECT_TRUE(has_line("server shop/app1 fails: 3 failures in 1.00s; not ejected"));
  EXPECT_EQ(lines.size(), 2U);
  EXPECT_TRUE(states[1]->is_failing());
  io.run();
  EXPECT_FALSE(states[1]->is_failing()) << "it is judged anew";
  fail(1);
  EXPECT_TRUE(is_out(1));
}

TEST_F(EjectorTest, LastsLongerEachTime) {
  configure(2, 50);
  for (int time = 1; time <= 3; ++time) {
    fail(0);
    EXPECT_TRUE(has_line("is ejected for " + std::to_string(20 * time) + "ms"));
    ejector.on_serving(*states[0]);
    EXPECT_FALSE(is_out(0));
  }
  EXPECT_TRUE(has_line("not ejected any more: it serves again"));
  EXPECT_EQ(states[0]->ejections(), 3U);
}

TEST_F(EjectorTest, AnOrderForgivesThePast) {
  configure(2, 50);
  fail(0);
  ejector.forgive(*states[0]);
  EXPECT_FALSE(is_out(0));
  EXPECT_TRUE(has_line("by order"));
  lines.clear();
  fail(0);
  EXPECT_TRUE(has_line("is ejected for 20ms")) << "the first time again";
  io.run();
  EXPECT_FALSE(is_out(0));
}

TEST_F(EjectorTest, AReloadKeepsItAndOneWithoutTheRuleEndsIt) {
  configure(4, 50);
  fail(0);
  fail(1);
  ejector.apply(config);
  EXPECT_TRUE(is_out(0));
  backend().servers.erase(backend().servers.begin() + 1);
  ejector.apply(config);
  EXPECT_TRUE(is_out(0));
  EXPECT_FALSE(is_out(1)) << "it is not in the file any more";
  backend().outlier.max_fails = 0;
  ejector.apply(config);
  EXPECT_FALSE(is_out(0));
  io.run();
  EXPECT_EQ(lines.size(), 4U);
}

TEST_F(EjectorTest, NothingHappensAfterStop) {
  configure(2, 50);
  fail(0);
  ejector.stop();
  io.run();
  EXPECT_TRUE(is_out(0));
  EXPECT_EQ(lines.size(), 1U);
}

}  // namespace
}  // namespace sluice::daemon
