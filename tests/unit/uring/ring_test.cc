// Operations of a real ring.
#include "uring/ring.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "ring_bench.h"
#include "sluice/address.h"
#include "sys/fd.h"
#include "sys/pipe.h"
#include "sys/socket.h"

namespace sluice::uring {
namespace {

using namespace std::chrono_literals;

TEST_F(RingTest, PollCompletesAtOnceWhenItHolds) {
  const sys::Fd ready(::eventfd(1, EFD_CLOEXEC));
  ring.poll(witness.op, ready.get(), POLLIN);
  EXPECT_TRUE(witness.op.is_in_flight());
  EXPECT_TRUE(wait_for(witness));
  EXPECT_EQ(witness.result() & POLLIN, POLLIN);
  EXPECT_EQ(witness.outcomes.size(), 1U);
  EXPECT_EQ(witness.settled, 1);
}

TEST_F(RingTest, PollWaitsUntilItHolds) {
  const sys::Fd event(::eventfd(0, EFD_CLOEXEC));
  ring.poll(witness.op, event.get(), POLLIN);
  ring.submit_and_wait(base::milliseconds(20));
  ring.dispatch(ring.ready());
  EXPECT_TRUE(witness.op.is_in_flight());
  ::eventfd_write(event.get(), 1);
  EXPECT_TRUE(wait_for(witness));
}

TEST_F(RingTest, ReadsAnEvent) {
  const sys::Fd event(::eventfd(41, EFD_CLOEXEC));
  std::uint64_t value = 0;
  ring.read_event(witness.op, event.get(), value);
  EXPECT_TRUE(wait_for(witness));
  EXPECT_EQ(witness.result(), 8);
  EXPECT_EQ(value, 41U);
}

TEST_F(RingTest, SendsEveryByteEvenInParts) {
  const Pair pair = make_pair();
  const std::vector<std::byte> bytes(4 * 1024 * 1024, std::byte{7});
  ring.send(witness.op, pair.one.get(), bytes);
  std::size_t read = 0;
  std::vector<std::byte> part(65536);
  for (int turn = 0; read < bytes.size() && turn < 100'000; ++turn) {
    ring.submit_and_wait(base::Duration(0));
    ring.dispatch(ring.ready());
    ssize_t got = 0;
    while ((got = ::recv(pair.two.get(), part.data(), part.size(), 0)) > 0) {
      read += static_cast<std::size_t>(got);
    }
  }
  EXPECT_EQ(read, bytes.size());
  EXPECT_TRUE(wait_for(witness));
  EXPECT_EQ(witness.result(), static_cast<int>(bytes.size()));
}

TEST_F(RingTest, ASendToNobodyIsAnErrorAndNoSignal) {
  Pair pair = make_pair();
  pair.two.reset();
  const std::array<std::byte, 4> bytes{};
  ring.send(witness.op, pair.one.get(), bytes);
  EXPECT_TRUE(wait_for(witness));
  EXPECT_EQ(witness.result(), -EPIPE);
}

// --- Quiet sends ---

class QuietSend : public RingTest {
 protected:
  void turn(base::Duration limit) {
    ring.submit_and_wait(limit);
    ring.dispatch(ring.ready());
  }
  std::string arrived() {
    std::string text(100, ' ');
    const auto got = ::recv(pair.two.get(), text.data(), text.size(), 0);
    text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    return text;
  }

  const std::vector<std::byte> bytes{4, std::byte{'x'}};
  Pair pair = make_pair();
};

TEST_F(QuietSend, WakesNobodyAndIsCompleteAfterTheWait) {
  ring.send_quietly(witness.op, pair.one.get(), bytes);
  ring.submit_and_wait(20ms);
  EXPECT_EQ(ring.ready(), 0U);
  EXPECT_EQ(arrived(), "xxxx");
  EXPECT_TRUE(witness.op.is_in_flight());
  ring.dispatch(0);
  EXPECT_FALSE(witness.op.is_in_flight());
  EXPECT_EQ(witness.result(), 4);
  EXPECT_EQ(witness.settled, 1);
}

TEST_F(QuietSend, IsCompleteBeforeWhatCameAfterIt) {
  Witness answer;
  std::array<std::byte, 8> into{};
  ring.receive(answer.op, pair.one.get(), into);
  ring.send_quietly(witness.op, pair.one.get(), bytes);
  turn(0ms);
  EXPECT_EQ(witness.outcomes.size(), 1U);

  static const Witness* other = nullptr;
  other = &answer;
  witness.on_each = [](Witness&) noexcept { EXPECT_TRUE(other->op.is_in_flight()); };
  ring.send_quietly(witness.op, pair.one.get(), bytes);
  ASSERT_EQ(::send(pair.two.get(), "back", 4, 0), 4);
  EXPECT_TRUE(wait_for(answer));
  EXPECT_EQ(witness.outcomes.size(), 2U);
}

TEST_F(QuietSend, ThatFailsSaysSoOnce) {
  pair.two.reset();
  ring.send_quietly(witness.op, pair.one.get(), bytes);
  turn(1s);
  turn(0ms);
  ASSERT_EQ(witness.outcomes.size(), 1U);
  EXPECT_EQ(witness.result(), -EPIPE);
}

TEST_F(QuietSend, TellsWhatHadRoom) {
  const std::vector<std::byte> much(16 * 1024 * 1024);
  ring.send_quietly(witness.op, pair.one.get(), much);
  turn(1s);
  EXPECT_GT(witness.result(), 0);
  EXPECT_LT(witness.result(), static_cast<int>(much.size()));
  ring.send_quietly(witness.op, pair.one.get(), much);
  turn(1s);
  EXPECT_EQ(witness.result(), -EAGAIN);
  EXPECT_EQ(witness.outcomes.size(), 2U);
}

TEST_F(QuietSend, IsNotWaitedBehindWhereSomebodyIsInAHurry) {
  ring.hurry();
  EXPECT_FALSE(ring.is_hurried()) << "there is nothing to hurry for";
  ring.send_quietly(witness.op, pair.one.get(), bytes);
  ring.hurry();
  EXPECT_TRUE(ring.is_hurried());
  const auto start = base::Clock::now();
  turn(60s);
  EXPECT_LT(base::Clock::now() - start, 30s);
  EXPECT_EQ(witness.result(), 4);
  EXPECT_FALSE(ring.is_hurried());
}

TEST_F(QuietSend, IsHurriedByItsCancellation) {
  ring.send_quietly(witness.op, pair.one.get(), bytes);
  ring.cancel(witness.op);
  EXPECT_TRUE(ring.is_hurried());
  EXPECT_TRUE(wait_for(witness));
  EXPECT_EQ(witness.result(), 4);
  EXPECT_EQ(witness.outcomes.size(), 1U);
}

TEST_F(QuietSend, IsNotTakenForDoneWhileItsFailureDoesNotFitTheQueue) {
  const sys::Fd ready(::eventfd(1, EFD_CLOEXEC));
  std::vector<std::unique_ptr<Witness>> crowd;
  for (int count = 0; count < 300; ++count) {  // the queue holds 256 completions
    crowd.push_back(std::make_unique<Witness>());
    ring.poll(crowd.back()->op, ready.get(), POLLIN);
  }
  pair.two.reset();
  ring.send_quietly(witness.op, pair.one.get(), bytes);
  EXPECT_TRUE(wait_for(witness));
  EXPECT_EQ(witness.result(), -EPIPE);
  for (const auto& each : crowd) EXPECT_TRUE(wait_for(*each));
}

// --- Connections ---

TEST_F(RingTest, AcceptsAndConnects) {
  const auto listener =
      sys::listen_tcp(*Endpoint::parse("127.0.0.1:0"), sys::PortSharing::kExclusive, 8);
  ASSERT_TRUE(listener.has_value());
  const Endpoint address = sys::local_endpoint(listener->get());
  const sys::Fd client = sys::make_tcp_socket(AF_INET);
  Witness accepted;
  ring.accept(accepted.op, listener->get());
  ring.connect(witness.op, client.get(), address.data(), address.size());
  EXPECT_TRUE(wait_for(witness));
  EXPECT_EQ(witness.result(), 0);
  EXPECT_TRUE(wait_for(accepted));
  const sys::Fd server(accepted.result());
  EXPECT_EQ(sys::remote_endpoint(server.get()), sys::local_endpoint(client.get()));
}

TEST_F(RingTest, OneMultishotAcceptServesManyClients) {
  const auto listener =
      sys::listen_tcp(*Endpoint::parse("127.0.0.1:0"), sys::PortSharing::kExclusive, 32);
  ASSERT_TRUE(listener.has_value());
  const Endpoint address = sys::local_endpoint(listener->get());
  ring.accept_multishot(witness.op, listener->get());
  std::vector<sys::Fd> clients;
  for (int count = 0; count < 20; ++count) {
    clients.push_back(sys::make_tcp_socket(AF_INET));
    static_cast<void>(::connect(clients.back().get(), address.data(), address.size()));
  }
  EXPECT_TRUE(turn_until([&] { return witness.outcomes.size() == 20; }));
  EXPECT_TRUE(witness.op.is_in_flight());
  for (const Outcome& outcome : witness.outcomes) {
    EXPECT_GE(outcome.result, 0);
    EXPECT_TRUE(outcome.has_more());
    const sys::Fd server(outcome.result);
  }
  end(witness);
  EXPECT_EQ(witness.result(), -ECANCELED);
}

TEST_F(RingTest, SaysWhenAConnectIsRefused) {
  const sys::Fd taken(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const Endpoint any = *Endpoint::parse("127.0.0.1:0");
  ASSERT_EQ(::bind(taken.get(), any.data(), any.size()), 0);
  const Endpoint address = sys::local_endpoint(taken.get());
  const sys::Fd client = sys::make_tcp_socket(AF_INET);
  ring.connect(witness.op, client.get(), address.data(), address.size());
  EXPECT_TRUE(wait_for(witness));
  EXPECT_EQ(witness.result(), -ECONNREFUSED);
}

TEST_F(RingTest, ClosesWithWhatIsSubmittedNextAtTheLatest) {
  Pair pair = make_pair();
  std::array<std::byte, 4> bytes{};
  ring.receive(witness.op, pair.two.get(), bytes);
  const int number = pair.one.get();
  ring.close(std::move(pair.one));
  EXPECT_FALSE(pair.one.is_open());
  EXPECT_TRUE(wait_for(witness));
  EXPECT_EQ(witness.result(), 0);  // the end
  EXPECT_EQ(::fcntl(number, F_GETFD), -1);
  ring.close(sys::Fd());
}

// --- Cancelling ---

TEST_F(RingTest, ACancelledOperationStillCompletesOnce) {
  const sys::Fd event(::eventfd(0, EFD_CLOEXEC));
  ring.poll(witness.op, event.get(), POLLIN);
  ring.cancel(witness.op);
  EXPECT_TRUE(witness.op.is_in_flight());
  EXPECT_TRUE(wait_for(witness));
  EXPECT_EQ(witness.result(), -ECANCELED);
  EXPECT_EQ(witness.outcomes.size(), 1U);
}

TEST_F(RingTest, CancellingWhatIsNotInFlightDoesNothing) {
  ring.cancel(witness.op);
  const sys::Fd ready(::eventfd(1, EFD_CLOEXEC));
  ring.poll(witness.op, ready.get(), POLLIN);
  EXPECT_TRUE(wait_for(witness));
  EXPECT_GE(witness.result(), 0);
}

TEST_F(RingTest, ACancelThatComesTooLateHarmsNobody) {
  const sys::Fd ready(::eventfd(1, EFD_CLOEXEC));
  const sys::Fd quiet(::eventfd(0, EFD_CLOEXEC));
  for (int round = 0; round < 50; ++round) {
    Witness late;
    ring.poll(late.op, ready.get(), POLLIN);
    ring.submit_and_wait(base::milliseconds(1000));  // complete, but not dispatched yet
    ring.cancel(late.op);
    ring.cancel(late.op);
    EXPECT_TRUE(wait_for(late));
    EXPECT_EQ(late.outcomes.size(), 1U);
    EXPECT_GE(late.result(), 0);
  }
  // Nor does it reach an operation that comes afterwards.
  ring.poll(witness.op, quiet.get(), POLLIN);
  ring.submit_and_wait(base::milliseconds(10));
  ring.dispatch(ring.ready());
  EXPECT_TRUE(witness.op.is_in_flight());
  end(witness);
}

TEST_F(RingTest, CancelsASendThatIsBlocked) {
  const Pair pair = make_pair();
  const std::vector<std::byte> bytes(16 * 1024 * 1024);
  ring.send(witness.op, pair.one.get(), bytes);
  ring.submit_and_wait(base::milliseconds(10));
  ring.dispatch(ring.ready());
  EXPECT_TRUE(witness.op.is_in_flight());
  end(witness);
  EXPECT_LT(witness.result(), static_cast<int>(bytes.size()));
}

// --- Queues ---

TEST_F(RingTest, TakesMoreSubmissionsThanItHasEntries) {
  const sys::Fd ready(::eventfd(1, EFD_CLOEXEC));
  std::vector<std::unique_ptr<Witness>> crowd;
  for (int count = 0; count < 2000; ++count) {  // 64 entries, 256 completions
    crowd.push_back(std::make_unique<Witness>());
    ring.poll(crowd.back()->op, ready.get(), POLLIN);
  }
  EXPECT_TRUE(turn_until([&] {
    for (const auto& each : crowd) {
      if (each->op.is_in_flight()) return false;
    }
    return true;
  }));
  for (const auto& each : crowd) ASSERT_EQ(each->outcomes.size(), 1U);
}

TEST(Ring, OfTheWorkersSizeTakesMoreThanThatToo) {
  auto ring = Ring::create();
  ASSERT_TRUE(ring.has_value()) << ring.error().text;
  const sys::Fd quiet(::eventfd(0, EFD_CLOEXEC));
  std::vector<std::unique_ptr<Witness>> crowd;
  for (unsigned count = 0; count < Ring::kEntries + 500; ++count) {
    crowd.push_back(std::make_unique<Witness>());
    ring->poll(crowd.back()->op, quiet.get(), POLLIN);
  }
  ::eventfd_write(quiet.get(), 1);
  std::size_t done = 0;
  for (int turn = 0; turn < 1000 && done < crowd.size(); ++turn) {
    ring->submit_and_wait(base::milliseconds(1000));
    ring->dispatch(ring->ready());
    done = 0;
    for (const auto& each : crowd) done += each->outcomes.size();
  }
  EXPECT_EQ(done, crowd.size());
}

TEST_F(RingTest, AHandlerMaySubmitAgain) {
  static sys::Fd ready(::eventfd(1, EFD_CLOEXEC));
  static Ring* own = &ring;
  own = &ring;
  witness.on_each = [](Witness& self) noexcept {
    if (self.outcomes.size() < 500) own->poll(self.op, ready.get(), POLLIN);
  };
  ring.poll(witness.op, ready.get(), POLLIN);
  EXPECT_TRUE(wait_for(witness));
  EXPECT_EQ(witness.outcomes.size(), 500U);
}

TEST_F(RingTest, DispatchesNoMoreThanItIsAsked) {
  const sys::Fd ready(::eventfd(1, EFD_CLOEXEC));
  std::array<Witness, 5> crowd;
  for (Witness& each : crowd) ring.poll(each.op, ready.get(), POLLIN);
  ring.submit_and_wait(base::milliseconds(1000));
  ASSERT_EQ(ring.ready(), 5U);
  ring.dispatch(2);
  EXPECT_EQ(ring.ready(), 3U);
  EXPECT_FALSE(crowd[0].op.is_in_flight());
  EXPECT_FALSE(crowd[1].op.is_in_flight());
  EXPECT_TRUE(crowd[2].op.is_in_flight());
  ring.dispatch(100);
  EXPECT_EQ(ring.ready(), 0U);
}

TEST_F(RingTest, WaitsNoLongerThanTheTimeout) {
  const auto began = base::Clock::now();
  ring.submit_and_wait(base::milliseconds(30));
  EXPECT_GE(base::Clock::now() - began, 29ms);
  EXPECT_EQ(ring.ready(), 0U);
  ring.submit_and_wait(base::Duration(0));
  EXPECT_EQ(ring.ready(), 0U);
}

using RingDeathTest = RingTest;

TEST_F(RingDeathTest, AnOperationInFlightMayNotBeFreed) {
  EXPECT_DEATH(
      {
        Witness passing;
        const sys::Fd quiet(::eventfd(0, EFD_CLOEXEC));
        ring.poll(passing.op, quiet.get(), POLLIN);
      },
      "in_flight_");
}

TEST_F(RingDeathTest, AnOperationIsSubmittedOnceAtATime) {
  EXPECT_DEATH(
      {
        const sys::Fd quiet(::eventfd(0, EFD_CLOEXEC));
        ring.poll(witness.op, quiet.get(), POLLIN);
        ring.poll(witness.op, quiet.get(), POLLIN);
      },
      "in_flight_");
}

}  // namespace
}  // namespace sluice::uring
