#include "reactor/mailbox.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <atomic>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "sys/fd.h"

namespace sluice::reactor {
namespace {

/// Counts the letters that are alive, so that a leak or a double free shows.
class Note final : public Letter {
 public:
  Note(std::vector<int>& read, int text) : read_(read), text_(text) { ++alive; }
  ~Note() override { --alive; }
  void deliver() noexcept override { read_.push_back(text_); }

  static inline std::atomic<int> alive{0};

 private:
  std::vector<int>& read_;
  int text_;
};

class MailboxTest : public testing::Test {
 protected:
  ~MailboxTest() override { EXPECT_EQ(Note::alive, 0); }

  bool is_awake() {
    pollfd wanted{wake.get(), POLLIN, 0};
    return ::poll(&wanted, 1, 0) == 1;
  }
  /// Sleeps until the mailbox wakes it; false when it never does.
  bool wait_for_wake() {
    pollfd wanted{wake.get(), POLLIN, 0};
    if (::poll(&wanted, 1, 30'000) != 1) return false;
    eventfd_t value = 0;
    return ::eventfd_read(wake.get(), &value) == 0;
  }

  sys::Fd wake{::eventfd(0, EFD_CLOEXEC)};
  std::vector<int> read;
};

TEST_F(MailboxTest, DeliversInTheOrderOfPostingOnceAndFrees) {
  Mailbox mailbox(wake.get());
  for (int text = 0; text < 100; ++text) mailbox.post(std::make_unique<Note>(read, text));
  EXPECT_EQ(Note::alive, 100);
  mailbox.deliver_all();
  EXPECT_EQ(Note::alive, 0);
  mailbox.deliver_all();
  ASSERT_EQ(read.size(), 100U);
  for (int text = 0; text < 100; ++text) EXPECT_EQ(read[static_cast<std::size_t>(text)], text);
}

TEST_F(MailboxTest, WakesOnceForManyLetters) {
  Mailbox mailbox(wake.get());
  EXPECT_FALSE(is_awake());
  mailbox.post(std::make_unique<Note>(read, 1));
  EXPECT_TRUE(wait_for_wake());
  mailbox.post(std::make_unique<Note>(read, 2));
  EXPECT_FALSE(is_awake()) << "the receiver is awake already";
  mailbox.deliver_all();
  mailbox.post(std::make_unique<Note>(read, 3));
  EXPECT_TRUE(is_awake());
  mailbox.deliver_all();
}

TEST_F(MailboxTest, FreesWhatWasNeverDelivered) {
  Mailbox mailbox(wake.get());
  mailbox.post(std::make_unique<Note>(read, 1));
  mailbox.post(std::make_unique<Note>(read, 2));
}

/// Posts another letter while it is being delivered.
class Chain final : public Letter {
 public:
  Chain(Mailbox& mailbox, std::vector<int>& read) : mailbox_(mailbox), read_(read) {}
  void deliver() noexcept override { mailbox_.post(std::make_unique<Note>(read_, 7)); }

 private:
  Mailbox& mailbox_;
  std::vector<int>& read_;
};

TEST_F(MailboxTest, ALetterMayPostAnotherWhichWakesAgain) {
  Mailbox mailbox(wake.get());
  mailbox.post(std::make_unique<Chain>(mailbox, read));
  EXPECT_TRUE(wait_for_wake());
  mailbox.deliver_all();
  EXPECT_TRUE(wait_for_wake());
  mailbox.deliver_all();
  EXPECT_EQ(read, std::vector<int>{7});
}

TEST_F(MailboxTest, ManySendersLoseNothingAndNeverLeaveTheReceiverAsleep) {
  constexpr int kSenders = 4;
  constexpr int kLetters = 20'000;
  Mailbox mailbox(wake.get());
  std::vector<std::vector<int>> read_of(kSenders);
  std::vector<std::thread> senders;
  for (auto& from : read_of) {
    senders.emplace_back([&mailbox, &from] {
      for (int text = 0; text < kLetters; ++text) mailbox.post(std::make_unique<Note>(from, text));
    });
  }
  const auto received = [&] {
    std::size_t total = 0;
    for (const auto& from : read_of) total += from.size();
    return total;
  };
  while (received() < std::size_t{kSenders} * kLetters) {
    ASSERT_TRUE(wait_for_wake()) << "asleep with letters unread";
    mailbox.deliver_all();
  }
  for (std::thread& sender : senders) sender.join();
  mailbox.deliver_all();
  for (const auto& from : read_of) {
    ASSERT_EQ(from.size(), std::size_t{kLetters});
    for (int text = 0; text < kLetters; ++text) {
      ASSERT_EQ(from[static_cast<std::size_t>(text)], text);
    }
  }
}

}  // namespace
}  // namespace sluice::reactor
