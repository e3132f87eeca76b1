// Needs io_uring: where the system refuses it, every test here fails with the reason.
#include "reactor/reactor.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "loop_thread.h"

namespace sluice::reactor {
namespace {

using namespace std::chrono_literals;

struct BareParts {
  explicit BareParts(uring::Ring ring) : reactor(std::move(ring), make_wake()) {}
  void on_turn_end() noexcept { turn_ends.fetch_add(1); }

  Reactor reactor;
  std::atomic<int> turn_ends{0};
};

using Loop = LoopThread<BareParts>;

/// Notes when the reactor called it, on its own clock and on the real one.
class Stopwatch {
 public:
  explicit Stopwatch(Reactor& reactor) : reactor_(reactor) {}
  void arm(base::Duration after) {
    due_ = reactor_.now() + after;
    reactor_.timers().arm(timer_, due_);
  }
  void on_time() noexcept {
    turn_began_ = reactor_.now();
    fired_at_ = base::Clock::now();
    has_fired_ = true;
  }
  void settle() noexcept {}

  [[nodiscard]] bool has_fired() const { return has_fired_; }
  [[nodiscard]] bool is_early() const { return turn_began_ < due_ || fired_at_ < due_; }

 private:
  Reactor& reactor_;
  base::TimePoint due_;
  base::TimePoint turn_began_;
  base::TimePoint fired_at_;
  bool has_fired_ = false;
  Timer<&Stopwatch::on_time> timer_{*this};
};

TEST(Reactor, RunsLettersOnItsOwnThreadInOrder) {
  Loop loop;
  const auto here = std::this_thread::get_id();
  std::vector<int> order;
  for (int letter = 0; letter < 10; ++letter) {
    const auto there = loop.run([&order, letter] {
      order.push_back(letter);
      return std::this_thread::get_id();
    });
    EXPECT_NE(there, here);
  }
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  EXPECT_GE(loop.parts().turn_ends, 9);
}

TEST(Reactor, WakesForATimerAndNotBeforeIt) {
  Loop loop;
  Stopwatch watch(loop.parts().reactor);
  loop.run([&] { watch.arm(30ms); });
  ASSERT_TRUE(loop.wait_until([&] { return watch.has_fired(); }));
  EXPECT_FALSE(loop.run([&] { return watch.is_early(); }));
}

TEST(Reactor, ATimerWakesASleepingLoopByItself) {
  Loop loop;
  Stopwatch watch(loop.parts().reactor);
  std::promise<void> fired;
  struct Teller {
    void on_time() noexcept { fired.set_value(); }
    void settle() noexcept {}
    std::promise<void>& fired;
    Timer<&Teller::on_time> timer{*this};
  } teller{fired};
  loop.run(
      [&] { loop.parts().reactor.timers().arm(teller.timer, loop.parts().reactor.now() + 20ms); });
  // Nobody posts anything meanwhile.
  EXPECT_EQ(fired.get_future().wait_for(kPatience), std::future_status::ready);
}

TEST(Reactor, RestsWhileThereIsNothingToDo) {
  Loop loop;
  Stopwatch watch(loop.parts().reactor);
  const auto before = loop.run([&] {
    watch.arm(200ms);
    return loop.parts().reactor.turns().value();
  });
  std::this_thread::sleep_for(100ms);  // the time in which a spinning loop would turn
  const auto after = loop.parts().reactor.turns().value();
  EXPECT_LE(after - before, 3U);
}

TEST(Reactor, TellsHowManyCompletionsATurnBeganWith) {
  struct Waiter {
    explicit Waiter(Reactor& reactor_in) : reactor(reactor_in) {}
    void on_readable(uring::Outcome) noexcept {
      seen = reactor.ready_at_start();
      is_done = true;
    }
    void settle() noexcept {}
    Reactor& reactor;
    unsigned seen = 0;
    bool is_done = false;
    uring::Op<&Waiter::on_readable> poll{*this};
  };
  Loop loop;
  Reactor& reactor = loop.parts().reactor;
  const sys::Fd ready(::eventfd(1, EFD_CLOEXEC));
  std::vector<std::unique_ptr<Waiter>> waiters;
  loop.run([&] {
    for (int count = 0; count < 7; ++count) {
      waiters.push_back(std::make_unique<Waiter>(reactor));
      reactor.ring().poll(waiters.back()->poll, ready.get(), POLLIN);
    }
  });
  for (const auto& waiter : waiters) {
    ASSERT_TRUE(loop.wait_until([&] { return waiter->is_done; }));
    EXPECT_GE(waiter->seen, 7U) << "all of them were ready when the turn began";
  }
}

TEST(Reactor, StopsFromALetterAndLeavesNothingInFlight) {
  // The destructors of the reactor's operations assert that nothing is in flight.
  for (int round = 0; round < 20; ++round) {
    Loop loop;
    loop.stop();
  }
}

class CountingLetter final : public Letter {
 public:
  explicit CountingLetter(std::atomic<int>& delivered) : delivered_(delivered) {}
  void deliver() noexcept override { delivered_.fetch_add(1); }

 private:
  std::atomic<int>& delivered_;
};

TEST(Reactor, StopsWhileOthersGoOnPosting) {
  for (int round = 0; round < 20; ++round) {
    auto loop = std::make_unique<Loop>();
    std::atomic<int> delivered{0};
    Mailbox& mailbox = loop->parts().reactor.mailbox();
    std::thread poster([&] {
      for (int letter = 0; letter < 200; ++letter) {
        mailbox.post(std::make_unique<CountingLetter>(delivered));
      }
    });
    poster.join();
    loop->stop();
    EXPECT_EQ(delivered, 200);
  }
}

}  // namespace
}  // namespace sluice::reactor
