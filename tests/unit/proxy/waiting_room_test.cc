#include "proxy/waiting_room.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "balance/registry.h"

namespace sluice::proxy {
namespace {

using balance::ServerState;
using balance::WaitLine;

/// Waits for a server and, once it has it, holds it.
class Customer final : public Waiter {
 public:
  Customer(WaitingRoom& room, std::uint32_t worker, ServerState& server)
      : room_(room), worker_(worker), server_(server) {}

  void arrive() {
    if (server_.take(worker_, WaitLine::kNewcomer)) {
      is_served_ = true;
      return;
    }
    room_.enter(*this, server_.line(), server_.line().draw());
    call();
  }
  void give_up() {
    room_.leave(*this);
    call();
  }
  void go() {
    server_.session_ended();
    call();
  }
  Answer on_turn(std::uint64_t ticket) noexcept override {
    if (is_outdated || !server_.take(worker_, ticket)) {
      return is_outdated ? Answer::kOutdated : Answer::kNoRoom;
    }
    is_served_ = true;
    room_.leave(*this);
    call();
    return Answer::kGone;
  }
  [[nodiscard]] bool is_served() const { return is_served_; }

  bool is_outdated = false;

 private:
  void call() {
    if (server_.is_below_limit()) room_.call(server_.line());
  }

  WaitingRoom& room_;
  std::uint32_t worker_;
  ServerState& server_;
  bool is_served_ = false;
};

/// Rooms of several workers on one thread: calls arrive at once, turns end when the test says so.
class Rooms final : private LineMessenger {
 public:
  explicit Rooms(std::uint32_t workers) {
    LineMessenger* const self = this;
    for (std::uint32_t worker = 0; worker < workers; ++worker) {
      rooms_.push_back(std::make_unique<WaitingRoom>(worker, self));
    }
  }
  WaitingRoom& operator[](std::uint32_t worker) { return *rooms_[worker]; }
  void settle() {
    for (int round = 0; round < 10; ++round) {
      for (const auto& room : rooms_) room->end_turn();
    }
  }

 private:
  void call(std::uint32_t worker, const WaitLine& line, std::uint64_t after) noexcept override {
    rooms_[worker]->on_call(&line, after);
  }

  std::vector<std::unique_ptr<WaitingRoom>> rooms_;
};

class WaitingRoomTest : public testing::Test {
 protected:
  WaitingRoomTest() { server_->set_limit(1); }

  Customer& arrive(std::uint32_t worker) {
    customers_.push_back(std::make_unique<Customer>(rooms_[worker], worker, *server_));
    customers_.back()->arrive();
    rooms_.settle();
    return *customers_.back();
  }
  void go(Customer& customer) {
    customer.go();
    rooms_.settle();
  }
  /// Of the customers in the order of their coming: `x` who has been served.
  std::string served() const {
    std::string text;
    for (const auto& customer : customers_) text += customer->is_served() ? 'x' : '.';
    return text;
  }

  Rooms rooms_{3};
  balance::ServerRegistry registry_{3};
  std::shared_ptr<ServerState> server_ = registry_.server("shop", "a");
  std::vector<std::unique_ptr<Customer>> customers_;
};

TEST_F(WaitingRoomTest, InTheOrderOfComingOverAllWorkers) {
  Customer& first = arrive(0);
  Customer& second = arrive(2);
  Customer& third = arrive(1);
  arrive(2);
  EXPECT_EQ(served(), "x...");
  EXPECT_EQ(server_->line().size(), 3U);
  go(first);
  EXPECT_EQ(served(), "xx..");
  go(second);
  EXPECT_EQ(served(), "xxx.");
  go(third);
  EXPECT_EQ(served(), "xxxx");
  EXPECT_EQ(server_->line().size(), 0U);
  EXPECT_EQ(server_->sessions().max(), 1U);
}

TEST_F(WaitingRoomTest, WhoGivesUpDoesNotHoldTheOthersUp) {
  Customer& first = arrive(0);
  Customer& second = arrive(1);
  arrive(2);
  // The room is made and the one called for it leaves before it is asked.
  first.go();
  second.give_up();
  rooms_.settle();
  EXPECT_EQ(served(), "x.x");
}

TEST_F(WaitingRoomTest, AHigherLimitServesAllItCan) {
  arrive(0);
  arrive(1);
  arrive(2);
  arrive(0);
  server_->set_limit(3);
  for (std::uint32_t worker = 0; worker < 3; ++worker) rooms_[worker].review();
  rooms_.settle();
  EXPECT_EQ(served(), "xxx.");
}

TEST_F(WaitingRoomTest, OnesOfAnOlderTableDoNotBlockTheLine) {
  Customer& first = arrive(0);
  Customer& old = arrive(1);
  arrive(1);
  arrive(2);
  old.is_outdated = true;
  go(first);
  EXPECT_EQ(served(), "x.x.");
  go(*customers_[2]);
  EXPECT_EQ(served(), "x.xx");
}

TEST_F(WaitingRoomTest, OldTicketsGoToTheirPlace) {
  arrive(0);
  arrive(1);
  WaitLine& line = server_->line();
  const std::uint64_t early = line.draw();
  Customer& second = arrive(1);
  Customer moved(rooms_[1], 1, *server_);
  rooms_[1].enter(moved, line, early);
  go(*customers_[0]);
  go(*customers_[1]);
  EXPECT_TRUE(moved.is_served());
  EXPECT_FALSE(second.is_served());
}

TEST_F(WaitingRoomTest, ACallForALineThatIsGoneIsNothing) {
  alignas(WaitLine) const std::array<std::byte, sizeof(WaitLine)> nothing{};
  rooms_[0].on_call(reinterpret_cast<const WaitLine*>(nothing.data()), 0);
  rooms_.settle();
}

// --- Several threads ---

/// A worker's thread: customers come and go at random; calls come through an inbox.
class Desk final : private LineMessenger {
 public:
  Desk(std::uint32_t worker, std::vector<std::unique_ptr<Desk>>& all, ServerState& server)
      : worker_(worker), all_(all), server_(server), room_(worker, this) {}

  void serve(int customers, std::atomic<std::uint32_t>& inside, std::atomic<bool>& is_exceeded) {
    std::minstd_rand random(worker_ + 1);
    std::deque<std::unique_ptr<Customer>> present;
    std::deque<bool> counted;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while ((customers > 0 || !present.empty() || *open_desks_ > 0) &&
           std::chrono::steady_clock::now() < deadline) {
      deliver();
      room_.end_turn();
      if (customers > 0 && present.size() < 6) {
        --customers;
        present.push_back(std::make_unique<Customer>(room_, worker_, server_));
        counted.push_back(false);
        present.back()->arrive();
        room_.end_turn();
      }
      for (std::size_t i = 0; i < present.size(); ++i) {
        if (!present[i]->is_served()) continue;
        if (!counted[i]) {
          counted[i] = true;
          if (inside.fetch_add(1) + 1 > server_.limit()) is_exceeded = true;
        } else if (random() % 3 == 0) {
          inside.fetch_sub(1);
          present[i]->go();
          present.erase(present.begin() + static_cast<std::ptrdiff_t>(i));
          counted.erase(counted.begin() + static_cast<std::ptrdiff_t>(i));
          ++served_;
          break;
        }
      }
      if (customers == 0 && present.empty() && !std::exchange(is_done_, true)) --*open_desks_;
      std::this_thread::yield();
    }
    for (auto& customer : present) {
      if (customer->line() != nullptr) room_.leave(*customer);
    }
  }
  [[nodiscard]] int served() const { return served_; }
  void share(std::atomic<int>& open_desks) { open_desks_ = &open_desks; }

 private:
  void call(std::uint32_t worker, const WaitLine& line, std::uint64_t after) noexcept override {
    const std::lock_guard lock(all_[worker]->mutex_);
    all_[worker]->inbox_.emplace_back(&line, after);
  }
  void deliver() {
    std::vector<std::pair<const WaitLine*, std::uint64_t>> letters;
    {
      const std::lock_guard lock(mutex_);
      letters.swap(inbox_);
    }
    for (const auto& [line, after] : letters) room_.on_call(line, after);
  }

  std::uint32_t worker_;
  std::vector<std::unique_ptr<Desk>>& all_;
  ServerState& server_;
  WaitingRoom room_;
  std::mutex mutex_;
  std::vector<std::pair<const WaitLine*, std::uint64_t>> inbox_;
  std::atomic<int>* open_desks_ = nullptr;
  bool is_done_ = false;
  int served_ = 0;
};

TEST(WaitingRooms, NobodyIsForgottenAndTheLimitHolds) {
  constexpr std::uint32_t kWorkers = 4;
  constexpr int kCustomers = 200;
  balance::ServerRegistry registry(kWorkers);
  const auto server = registry.server("shop", "a");
  server->set_limit(2);
  std::vector<std::unique_ptr<Desk>> desks;
  std::atomic<int> open_desks{kWorkers};
  for (std::uint32_t worker = 0; worker < kWorkers; ++worker) {
    desks.push_back(std::make_unique<Desk>(worker, desks, *server));
    desks.back()->share(open_desks);
  }
  std::atomic<std::uint32_t> inside{0};
  std::atomic<bool> is_exceeded{false};
  std::vector<std::thread> threads;
  for (const auto& desk : desks) {
    threads.emplace_back([&] { desk->serve(kCustomers, inside, is_exceeded); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& desk : desks) EXPECT_EQ(desk->served(), kCustomers);
  EXPECT_FALSE(is_exceeded);
  EXPECT_EQ(server->sessions().value(), 0U);
  EXPECT_EQ(server->line().size(), 0U);
}

}  // namespace
}  // namespace sluice::proxy
