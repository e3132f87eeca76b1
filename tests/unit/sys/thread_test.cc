#include "sys/thread.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <string>
#include <thread>

namespace sluice::sys {
namespace {

TEST(AllowedCpus, AreThoseOfTheAffinityMask) {
  const auto cpus = allowed_cpus();
  ASSERT_FALSE(cpus.empty());
  EXPECT_TRUE(std::is_sorted(cpus.begin(), cpus.end()));
  cpu_set_t set;
  ASSERT_EQ(::sched_getaffinity(0, sizeof set, &set), 0);
  EXPECT_EQ(static_cast<int>(cpus.size()), CPU_COUNT(&set));
}

TEST(PinThisThread, BindsToOneCpu) {
  const int cpu = allowed_cpus().back();
  std::thread([cpu] {
    ASSERT_EQ(pin_this_thread(cpu), Pinning::kPinned);
    EXPECT_EQ(allowed_cpus(), std::vector<int>{cpu});
  }).join();
  EXPECT_EQ(allowed_cpus().back(), cpu) << "the other threads keep theirs";
}

TEST(PinThisThread, SaysWhenItIsRefused) {
  std::thread([] { EXPECT_EQ(pin_this_thread(CPU_SETSIZE - 1), Pinning::kRefused); }).join();
}

TEST(BlockSignals, LeavesThemToTheOtherThreads) {
  std::thread([] {
    block_signals_on_this_thread();
    sigset_t blocked;
    ::pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
    for (const int signal : {SIGTERM, SIGQUIT, SIGHUP, SIGINT}) {
      EXPECT_EQ(::sigismember(&blocked, signal), 1);
    }
  }).join();
  sigset_t blocked;
  ::pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
  EXPECT_EQ(::sigismember(&blocked, SIGTERM), 0);
}

TEST(NameThisThread, CutsLongNames) {
  std::thread([] {
    const auto name = [] {
      std::array<char, 32> text{};
      ::pthread_getname_np(::pthread_self(), text.data(), text.size());
      return std::string(text.data());
    };
    name_this_thread("worker-3");
    EXPECT_EQ(name(), "worker-3");
    name_this_thread("a-name-of-more-than-fifteen");
    EXPECT_EQ(name(), "a-name-of-more-");
  }).join();
}

}  // namespace
}  // namespace sluice::sys
