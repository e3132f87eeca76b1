#include "reactor/timer_wheel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <vector>

namespace sluice::reactor {
namespace {

using namespace std::chrono_literals;
using base::TimePoint;

/// A timer that does what the test tells it to.
class Alarm {
 public:
  void on_time() noexcept {
    ++fired;
    if (action) action();
  }
  void settle() noexcept {}

  int fired = 0;
  std::function<void()> action;
  Timer<&Alarm::on_time> timer{*this};
};

/// The first millisecond at or after `time`.
TimePoint round_up(TimePoint time) {
  return std::chrono::ceil<std::chrono::milliseconds>(time);
}

/// Some time between two ticks, far from the clock's epoch, as a real one is.
const TimePoint kStart = TimePoint(1234567s + 891ms + 234567ns);

class TimerWheelTest : public testing::Test {
 protected:
  void advance(base::Duration by) { wheel.advance(now += by); }

  TimePoint now = kStart;
  TimerWheel wheel{kStart};
  Alarm alarm;
};

TEST_F(TimerWheelTest, HasNothingToDoWithoutTimers) {
  EXPECT_EQ(wheel.next(), std::nullopt);
  advance(24h);
  EXPECT_EQ(wheel.next(), std::nullopt);
}

TEST_F(TimerWheelTest, FiresOnceAtItsTimeAndNotBefore) {
  wheel.arm(alarm.timer, kStart + 100ms);
  EXPECT_TRUE(alarm.timer.is_armed());
  wheel.advance(kStart + 99ms);
  EXPECT_EQ(alarm.fired, 0);
  wheel.advance(round_up(kStart + 100ms) - 1ns);
  EXPECT_EQ(alarm.fired, 0);
  wheel.advance(round_up(kStart + 100ms));
  EXPECT_EQ(alarm.fired, 1);
  EXPECT_FALSE(alarm.timer.is_armed());
  wheel.advance(kStart + 24h);
  EXPECT_EQ(alarm.fired, 1);
}

TEST_F(TimerWheelTest, WhatIsDueAlreadyFiresOnTheNextTick) {
  wheel.arm(alarm.timer, kStart - 1h);
  wheel.advance(kStart);
  EXPECT_EQ(alarm.fired, 0);
  wheel.advance(kStart + 1ms);
  EXPECT_EQ(alarm.fired, 1);
}

TEST_F(TimerWheelTest, MovesWhenArmedAgain) {
  wheel.arm(alarm.timer, kStart + 10ms);
  wheel.arm(alarm.timer, kStart + 5s);
  advance(4s);
  EXPECT_EQ(alarm.fired, 0);
  wheel.arm(alarm.timer, now + 3ms);
  advance(4ms);
  EXPECT_EQ(alarm.fired, 1);
  advance(10s);
  EXPECT_EQ(alarm.fired, 1);
}

TEST_F(TimerWheelTest, DoesNotFireWhatWasDisarmed) {
  wheel.arm(alarm.timer, kStart + 10ms);
  alarm.timer.disarm();
  alarm.timer.disarm();
  EXPECT_FALSE(alarm.timer.is_armed());
  advance(1h);
  EXPECT_EQ(alarm.fired, 0);
}

TEST_F(TimerWheelTest, ATimerThatDiesIsForgotten) {
  {
    Alarm passing;
    wheel.arm(passing.timer, kStart + 10ms);
  }
  wheel.arm(alarm.timer, kStart + 10ms);
  advance(1h);
  EXPECT_EQ(alarm.fired, 1);
}

/// Advances as a loop does, only to the times that next() names, until `alarm` has fired; gives the
/// time of that.
TimePoint run_until_fired(TimerWheel& wheel, const Alarm& alarm, TimePoint due) {
  TimePoint last = kStart;
  for (int turns = 0; alarm.fired == 0 && turns < 1000; ++turns) {
    const auto next = wheel.next();
    if (!next) break;
    EXPECT_GT(*next, last);
    EXPECT_LE(*next, round_up(due));
    last = *next;
    wheel.advance(last);
  }
  return last;
}

TEST(TimerWheel, ReachesEveryDistanceInFewSteps) {
  const std::vector<base::Duration> distances = {
      1ns,      1ms,      63ms,       64ms,       65ms,       4095ms, 4096ms, 4097ms, 262s,
      262144ms, 262145ms, 4h + 39min, 16777216ms, 16777217ms, 5h,     12h,    100h,   24h * 30};
  for (const auto distance : distances) {
    Alarm alarm;
    TimerWheel wheel(kStart);
    wheel.arm(alarm.timer, kStart + distance);
    const TimePoint fired_at = run_until_fired(wheel, alarm, kStart + distance);
    EXPECT_EQ(alarm.fired, 1) << distance.count();
    EXPECT_EQ(fired_at, std::max(round_up(kStart + distance), round_up(kStart)))
        << distance.count();
  }
}

TEST(TimerWheel, OneJumpOverEverythingFiresInOrderOfTime) {
  const std::vector<base::Duration> distances = {100h, 5h, 3ms, 70ms, 17s, 1h, 4ms, 16777216ms};
  TimerWheel wheel(kStart);
  std::vector<base::Duration> order;
  std::vector<std::unique_ptr<Alarm>> alarms;
  for (const auto distance : distances) {
    alarms.push_back(std::make_unique<Alarm>());
    alarms.back()->action = [&order, distance] { order.push_back(distance); };
    wheel.arm(alarms.back()->timer, kStart + distance);
  }
  wheel.advance(kStart + 101h);
  auto sorted = distances;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(order, sorted);
}

// --- Handlers that change the wheel ---

TEST_F(TimerWheelTest, AHandlerMayArmItsOwnTimerAgain) {
  alarm.action = [this] { wheel.arm(alarm.timer, now); };  // due at once, for ever
  wheel.arm(alarm.timer, kStart);
  advance(1ms);
  EXPECT_EQ(alarm.fired, 1);
  advance(1ms);
  EXPECT_EQ(alarm.fired, 2);
}

TEST_F(TimerWheelTest, AHandlerMayDisarmAnotherThatIsDueInTheSameTick) {
  Alarm other;
  alarm.action = [&] { other.timer.disarm(); };
  other.action = [&] { alarm.timer.disarm(); };
  wheel.arm(alarm.timer, kStart + 10ms);
  wheel.arm(other.timer, kStart + 10ms);
  advance(20ms);
  EXPECT_EQ(alarm.fired + other.fired, 1);
}

TEST_F(TimerWheelTest, AHandlerMayMoveAnotherThatIsDueInTheSameTick) {
  Alarm other;
  alarm.action = [&] {
    alarm.action = nullptr;
    wheel.arm(other.timer, kStart + 1h);
  };
  wheel.arm(alarm.timer, kStart + 10ms);
  wheel.arm(other.timer, kStart + 10ms);
  advance(20ms);
  EXPECT_EQ(alarm.fired, 1);
  EXPECT_EQ(other.fired, 0);
  advance(1h);
  EXPECT_EQ(other.fired, 1);
}

TEST_F(TimerWheelTest, WhatAHandlerArmsWithinTheJumpFiresInTheSameAdvance) {
  Alarm other;
  alarm.action = [&] { wheel.arm(other.timer, kStart + 20ms); };
  wheel.arm(alarm.timer, kStart + 10ms);
  advance(1s);
  EXPECT_EQ(other.fired, 1);
}

TEST_F(TimerWheelTest, AHandlerMayDestroyAnotherTimer) {
  auto other = std::make_unique<Alarm>();
  alarm.action = [&] { other.reset(); };
  wheel.arm(alarm.timer, kStart + 10ms);
  wheel.arm(other->timer, kStart + 10ms);
  advance(1s);
  EXPECT_EQ(alarm.fired, 1);
}

// --- Against a model ---

/// What the wheel must do, as a list that is searched: slow and plain.
class Model {
 public:
  explicit Model(std::size_t timers) : due_(timers) {}

  void arm(std::size_t index, TimePoint when) {
    // At the tick after the last one served at the soonest.
    due_[index] = std::max(base::to_tick(round_up(when)), served_ + 1);
  }
  void disarm(std::size_t index) { due_[index].reset(); }
  [[nodiscard]] bool is_armed(std::size_t index) const { return due_[index].has_value(); }

  [[nodiscard]] std::optional<std::uint64_t> first() const {
    std::optional<std::uint64_t> first;
    for (const auto& due : due_) {
      if (due && (!first || *due < *first)) first = due;
    }
    return first;
  }

  /// Checks that `index` may fire in an advance to `now`, and takes it out.
  void fire(std::size_t index, TimePoint now) {
    ASSERT_TRUE(due_[index].has_value()) << "fired twice or after it was disarmed";
    EXPECT_LE(*due_[index], base::to_tick(now)) << "fired early";
    EXPECT_EQ(*due_[index], *first()) << "fired out of order";
    served_ = *due_[index];
    due_[index].reset();
  }
  void finish_advance(TimePoint now) {
    served_ = base::to_tick(now);
    const auto left = first();
    EXPECT_TRUE(!left || *left > served_) << "a timer was lost";
  }

 private:
  std::vector<std::optional<std::uint64_t>> due_;
  std::uint64_t served_ = base::to_tick(kStart);
};

class Walk {
 public:
  explicit Walk(std::uint64_t seed) : random_(seed) {
    for (std::size_t index = 0; index < kTimers; ++index) {
      alarms_.push_back(std::make_unique<Alarm>());
      alarms_.back()->action = [this, index] { on_fired(index); };
    }
  }

  void step() {
    switch (below(4)) {
      case 0:
        disarm(below(kTimers));
        break;
      case 1:
        advance();
        break;
      default:
        arm(below(kTimers), kLongest);
    }
    check_next();
  }

  /// Fires what is left; gives how often a timer fired.
  int finish() {
    is_over_ = true;
    now_ += 600h;
    wheel_.advance(now_);
    model_.finish_advance(now_);
    EXPECT_EQ(wheel_.next(), std::nullopt);
    return fired_;
  }

 private:
  static constexpr std::size_t kTimers = 40;
  static constexpr std::uint64_t kLongest = 30;  // 2^30 ms: 12 days, far beyond the wheel

  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
  /// A time span whose order of magnitude is random, so that every level has its share.
  base::Duration span(std::uint64_t most_bits) {
    const std::uint64_t bits = below(most_bits + 1);
    return std::chrono::milliseconds(below(std::uint64_t{1} << bits)) +
           std::chrono::nanoseconds(below(1'000'000));
  }

  void arm(std::size_t index, std::uint64_t most_bits) {
    const TimePoint when = now_ + span(most_bits) - span(2);
    wheel_.arm(alarms_[index]->timer, when);
    model_.arm(index, when);
  }
  void disarm(std::size_t index) {
    alarms_[index]->timer.disarm();
    model_.disarm(index);
  }
  void advance() {
    const auto next = wheel_.next();
    // Half of the time as a loop does, to the time it was told, else over a random span.
    now_ = below(2) == 0 && next ? std::max(now_, *next) : now_ + span(26);
    wheel_.advance(now_);
    model_.finish_advance(now_);
  }
  void on_fired(std::size_t index) {
    ++fired_;
    model_.fire(index, now_);
    if (is_over_) return;
    if (below(4) == 0) arm(below(kTimers), 20);
    if (below(4) == 0) disarm(below(kTimers));
  }
  void check_next() {
    const auto first = model_.first();
    const auto next = wheel_.next();
    if (first) {
      ASSERT_TRUE(next.has_value());
      EXPECT_LE(base::to_tick(*next), *first) << "the loop would sleep past a timer";
    }
    for (std::size_t index = 0; index < kTimers; ++index) {
      ASSERT_EQ(alarms_[index]->timer.is_armed(), model_.is_armed(index));
    }
  }

  std::mt19937_64 random_;
  TimePoint now_ = kStart;
  TimerWheel wheel_{kStart};
  Model model_{kTimers};
  std::vector<std::unique_ptr<Alarm>> alarms_;
  int fired_ = 0;
  bool is_over_ = false;
};

class TimerWheelWalk : public testing::TestWithParam<std::uint64_t> {};

TEST_P(TimerWheelWalk, DoesWhatTheModelDoes) {
  Walk walk(GetParam());
  for (int step = 0; step < 4000 && !HasFailure(); ++step) walk.step();
  EXPECT_GT(walk.finish(), 500);
}

INSTANTIATE_TEST_SUITE_P(Seeds, TimerWheelWalk,
                         testing::Range(std::uint64_t{1}, std::uint64_t{13}));

}  // namespace
}  // namespace sluice::reactor
