#include "proxy/frontend_state.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace sluice::proxy {
namespace {

using balance::WaitLine;

TEST(FrontendState, LimitHoldsWhileAllWorkersAdmitAtOnce) {
  constexpr std::uint32_t kWorkers = 4;
  constexpr std::uint32_t kLimit = 3;
  FrontendState frontend("web", kWorkers);
  frontend.set_limit(kLimit);
  std::atomic<std::uint32_t> inside{0};
  std::atomic<bool> is_exceeded{false};
  std::atomic<std::uint64_t> admitted{0};
  std::vector<std::thread> threads;
  for (std::uint32_t worker = 0; worker < kWorkers; ++worker) {
    threads.emplace_back([&] {
      for (int round = 0; round < 20'000; ++round) {
        if (!frontend.admit(WaitLine::kNewcomer)) continue;
        admitted.fetch_add(1);
        if (inside.fetch_add(1) + 1 > kLimit) is_exceeded = true;
        inside.fetch_sub(1);
        frontend.sessions().down();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(is_exceeded);
  EXPECT_GT(admitted, 0U);
  EXPECT_LE(frontend.sessions().max(), kLimit);
  EXPECT_EQ(frontend.sessions().value(), 0U);
}

// As many as the limit get in, not fewer, however many try at once.
TEST(FrontendState, AllOfTheLimitIsGivenOut) {
  for (int round = 0; round < 200; ++round) {
    FrontendState frontend("web", 4);
    frontend.set_limit(10);
    std::atomic<int> admitted{0};
    std::vector<std::thread> threads;
    for (int worker = 0; worker < 4; ++worker) {
      threads.emplace_back([&] {
        for (int i = 0; i < 5; ++i) admitted += frontend.admit(WaitLine::kNewcomer) ? 1 : 0;
      });
    }
    for (std::thread& thread : threads) thread.join();
    ASSERT_EQ(admitted, 10);
    ASSERT_EQ(frontend.room(), 0U);
  }
}

TEST(FrontendState, WithoutALimitEverybodyComesIn) {
  FrontendState frontend("web", 1);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(frontend.admit(WaitLine::kNewcomer));
  EXPECT_TRUE(frontend.is_below_limit());
  EXPECT_EQ(frontend.sessions().value(), 100U);
}

}  // namespace
}  // namespace sluice::proxy
