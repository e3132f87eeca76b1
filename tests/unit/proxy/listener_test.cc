// One listening socket over real connections. Needs io_uring.
#include "proxy/listener.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "loop_thread.h"
#include "no_descriptors.h"
#include "sys/socket.h"
#include "tcp.h"

namespace sluice::proxy {
namespace {

struct BareParts {
  explicit BareParts(uring::Ring ring) : reactor(std::move(ring), reactor::make_wake()) {}
  void on_turn_end() noexcept {
    if (review) review();
  }
  reactor::Reactor reactor;
  std::function<void()> review;
};

using Loop = reactor::LoopThread<BareParts>;

/// Takes connections up to a limit, one by one near it, as a worker does.
class ListenerTest : public testing::Test, private ListenerOwner {
 protected:
  ListenerTest() {
    auto fd = sys::listen_tcp(*Endpoint::parse("127.0.0.1:0"), sys::PortSharing::kExclusive, 64);
    if (!fd) throw std::runtime_error(fd.error().text);
    address = sys::local_endpoint(fd->get());
    fd_ = std::move(*fd);
  }
  ~ListenerTest() override {
    if (listener) {
      loop.run([this] { listener->close(); });
      EXPECT_TRUE(loop.wait_until([this] { return is_closed; }));
      loop.run([this] {
        loop.parts().review = nullptr;
        listener.reset();
      });
    }
  }

  void open() {
    loop.run([this] {
      ListenerOwner& owner = *this;
      listener.emplace(loop.parts().reactor, owner, "*:80", std::move(fd_), pauses);
      loop.parts().review = [this] { listener->review(accept_mode()); };
    });
  }
  void connect(int count) {
    for (int made = 0; made < count; ++made) clients.push_back(connect_to(address));
  }
  [[nodiscard]] bool wait_for_accepted(std::size_t count) {
    return loop.wait_until([&] { return accepted.size() >= count; });
  }
  std::size_t accepted_now() {
    return loop.run([this] { return accepted.size(); });
  }
  void allow(std::size_t limit, AcceptMode below) {
    loop.run([&] {
      limit_ = limit;
      below_ = below;
    });
  }
  /// A client whose connection has certainly been seen by the loop, had it wanted it.
  void let_the_loop_look() {
    for (int turn = 0; turn < 20; ++turn) loop.run([] {});
  }

  Loop loop;
  Endpoint address;
  stats::Counter pauses;
  std::optional<Listener> listener;
  std::vector<sys::Fd> clients;
  std::vector<sys::Fd> accepted;  // the loop's thread
  bool is_closed = false;         // likewise

 private:
  [[nodiscard]] AcceptMode accept_mode() const noexcept {
    return accepted.size() >= limit_ ? AcceptMode::kNone : below_;
  }
  void on_connection(Listener& from, sys::Fd client) noexcept override {
    EXPECT_EQ(&from, &*listener);
    EXPECT_FALSE(is_closed);
    accepted.push_back(std::move(client));
  }
  void on_listener_closed(Listener& closed) noexcept override {
    EXPECT_EQ(&closed, &*listener);
    EXPECT_FALSE(is_closed) << "told once";
    is_closed = true;
  }

  sys::Fd fd_;
  std::size_t limit_ = 1000;
  AcceptMode below_ = AcceptMode::kMany;
};

TEST_F(ListenerTest, AcceptsManyWithOneRequest) {
  open();
  EXPECT_EQ(listener->name(), "*:80");
  connect(50);
  EXPECT_TRUE(wait_for_accepted(50));
  EXPECT_EQ(pauses.value(), 0U);
}

TEST_F(ListenerTest, AcceptsWhatWaitedBeforeItOpened) {
  connect(5);
  open();
  EXPECT_TRUE(wait_for_accepted(5));
}

TEST_F(ListenerTest, AcceptedSocketsAreNonBlockingAndNotInherited) {
  open();
  connect(1);
  ASSERT_TRUE(wait_for_accepted(1));
  const int fd = loop.run([this] { return accepted.front().get(); });
  EXPECT_NE(::fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(ListenerTest, KeepsToALimitExactlyWhenItTakesThemOneByOne) {
  allow(3, AcceptMode::kOne);
  open();
  connect(8);
  ASSERT_TRUE(wait_for_accepted(3));
  let_the_loop_look();
  EXPECT_EQ(accepted_now(), 3U);
  EXPECT_EQ(pauses.value(), 1U);
  allow(5, AcceptMode::kOne);
  ASSERT_TRUE(wait_for_accepted(5));
  let_the_loop_look();
  EXPECT_EQ(accepted_now(), 5U);
  allow(1000, AcceptMode::kMany);
  EXPECT_TRUE(wait_for_accepted(8));
}

TEST_F(ListenerTest, RestsWhenItsModeIsTakenAwayAndComesBack) {
  open();
  connect(2);
  ASSERT_TRUE(wait_for_accepted(2));
  allow(2, AcceptMode::kMany);
  let_the_loop_look();
  connect(3);
  let_the_loop_look();
  EXPECT_EQ(accepted_now(), 2U);
  allow(1000, AcceptMode::kMany);
  EXPECT_TRUE(wait_for_accepted(5));
}

TEST_F(ListenerTest, ServesItsQueueBeforeItCloses) {
  allow(0, AcceptMode::kNone);
  open();
  connect(6);
  let_the_loop_look();
  EXPECT_EQ(accepted_now(), 0U);
  loop.run([this] { listener->close(); });
  ASSERT_TRUE(loop.wait_until([this] { return is_closed; }));
  EXPECT_EQ(accepted_now(), 6U);
  EXPECT_THROW(connect(1), std::runtime_error) << "nobody listens any more";
}

TEST_F(ListenerTest, ClosesWithAnAcceptInFlight) {
  open();
  connect(4);
  loop.run([this] { listener->close(); });
  ASSERT_TRUE(loop.wait_until([this] { return is_closed; }));
  EXPECT_EQ(accepted_now(), 4U);
}

TEST_F(ListenerTest, ClosingTwiceTellsOnce) {
  open();
  loop.run([this] {
    listener->close();
    listener->close();
  });
  ASSERT_TRUE(loop.wait_until([this] { return is_closed; }));
  loop.run([this] { listener->close(); });
}

TEST_F(ListenerTest, PausesWithoutDescriptorsAndGoesOnLater) {
  if (kHasSanitizer) GTEST_SKIP() << "it needs descriptors of its own";
  connect(2);
  loop.run([] {});
  {
    const NoDescriptors none;
    open();
    ASSERT_TRUE(loop.wait_until([this] { return pauses.value() > 0; }));
    EXPECT_EQ(accepted_now(), 0U);
    EXPECT_LE(pauses.value(), 5U) << "it does not spin";
  }
  EXPECT_TRUE(wait_for_accepted(2));
}

TEST_F(ListenerTest, ClosesWhileItPauses) {
  if (kHasSanitizer) GTEST_SKIP() << "it needs descriptors of its own";
  connect(1);
  {
    const NoDescriptors none;
    open();
    ASSERT_TRUE(loop.wait_until([this] { return pauses.value() > 0; }));
  }
  loop.run([this] { listener->close(); });
  ASSERT_TRUE(loop.wait_until([this] { return is_closed; }));
  EXPECT_EQ(accepted_now(), 1U);
}

}  // namespace
}  // namespace sluice::proxy
