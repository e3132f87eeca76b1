// Operations of a real ring. Needs io_uring: where the system refuses it, every test here fails
// with the reason.
#include "uring/ring.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "sluice/address.h"
#include "sys/fd.h"
#include "sys/pipe.h"
#include "sys/socket.h"
#include "uring/buffer_ring.h"

namespace sluice::uring {
namespace {

using namespace std::chrono_literals;

/// Notes what its operation came to.
class Witness {
 public:
  void on_done(Outcome outcome) noexcept {
    outcomes.push_back(outcome);
    if (on_each) on_each(*this);
  }
  void settle() noexcept { ++settled; }

  [[nodiscard]] int result() const {
    return outcomes.empty() ? 0x7fffffff : outcomes.back().result;
  }

  std::vector<Outcome> outcomes;
  int settled = 0;
  void (*on_each)(Witness&) noexcept = nullptr;
  Op<&Witness::on_done> op{*this};
};

class RingTest : public testing::Test {
 protected:
  static Ring make_ring(unsigned entries) {
    auto ring = Ring::create(entries);
    if (!ring) throw std::runtime_error(ring.error().text);
    return std::move(*ring);
  }

  /// Turns until `condition()` holds; false when it never did.
  template <typename Condition>
  [[nodiscard]] bool turn_until(Condition condition) {
    const auto deadline = base::Clock::now() + 30s;
    while (!condition()) {
      if (base::Clock::now() > deadline) return false;
      ring.submit_and_wait(base::milliseconds(100));
      ring.dispatch(ring.ready());
    }
    return true;
  }
  [[nodiscard]] bool wait_for(const Witness& each) {
    return turn_until([&] { return !each.op.is_in_flight(); });
  }
  /// Asks the operation to end and waits for that.
  void end(Witness& each) {
    ring.cancel(each.op);
    EXPECT_TRUE(wait_for(each));
  }

  struct Pair {
    sys::Fd one;
    sys::Fd two;
  };
  static Pair make_pair(int type = SOCK_STREAM) {
    int ends[2];
    if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
      throw std::runtime_error("socketpair");
    }
    return {sys::Fd(ends[0]), sys::Fd(ends[1])};
  }

  Ring ring = make_ring(64);
  Witness witness;
};

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

// --- Provided buffers ---

class BufferRingTest : public RingTest {
 protected:
  static BufferRing make_buffers(Ring& ring) {
    auto buffers = BufferRing::create(ring.raw(), {4, 1024});
    if (!buffers) throw std::runtime_error(buffers.error().text);
    return std::move(*buffers);
  }
  void receive() { ring.receive_multishot(witness.op, pair.two.get(), BufferRing::kGroup); }
  void send(const std::string& text) {
    ASSERT_EQ(::send(pair.one.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  [[nodiscard]] bool wait_for_outcomes(std::size_t count) {
    return turn_until([&] { return witness.outcomes.size() >= count; });
  }
  std::string text(const Outcome& outcome) {
    const auto bytes = buffers.bytes(outcome.buffer());
    return {reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(outcome.result)};
  }

  BufferRing buffers = make_buffers(ring);
  Pair pair = make_pair(SOCK_SEQPACKET);  // every message takes a buffer of its own
};

TEST_F(BufferRingTest, EachMessageArrivesInABuffer) {
  for (std::uint16_t buffer = 0; buffer < 4; ++buffer) buffers.recycle(buffer);
  EXPECT_EQ(buffers.count(), 4U);
  EXPECT_EQ(buffers.length(), 1024U);
  receive();
  for (const char* message : {"one", "two", "three"}) send(message);
  ASSERT_TRUE(wait_for_outcomes(3));
  EXPECT_EQ(text(witness.outcomes[0]), "one");
  EXPECT_EQ(text(witness.outcomes[1]), "two");
  EXPECT_EQ(text(witness.outcomes[2]), "three");
  for (const Outcome& outcome : witness.outcomes) {
    EXPECT_TRUE(outcome.has_buffer());
    EXPECT_TRUE(outcome.has_more());
  }
  EXPECT_TRUE(witness.op.is_in_flight());
  end(witness);
}

TEST_F(BufferRingTest, WithoutABufferTheReceiveEndsAndLosesNothing) {
  buffers.recycle(0);
  buffers.recycle(1);
  receive();
  for (const char* message : {"one", "two", "three"}) send(message);
  ASSERT_TRUE(wait_for(witness));
  ASSERT_EQ(witness.outcomes.size(), 3U);
  EXPECT_EQ(witness.result(), -ENOBUFS);
  EXPECT_FALSE(witness.outcomes.back().has_buffer());
  EXPECT_FALSE(witness.outcomes.back().has_more());

  const Outcome first = witness.outcomes.front();
  EXPECT_EQ(text(first), "one");
  buffers.recycle(first.buffer());
  receive();
  ASSERT_TRUE(wait_for_outcomes(4));
  EXPECT_EQ(text(witness.outcomes[3]), "three");
  end(witness);
}

TEST_F(BufferRingTest, BuffersGoRoundManyTimes) {
  for (std::uint16_t buffer = 0; buffer < 4; ++buffer) buffers.recycle(buffer);
  receive();
  for (std::size_t count = 0; count < 300; ++count) {
    const std::string message = "message " + std::to_string(count);
    send(message);
    ASSERT_TRUE(wait_for_outcomes(count + 1));
    ASSERT_EQ(text(witness.outcomes[count]), message);
    buffers.recycle(witness.outcomes[count].buffer());
  }
  end(witness);
}

TEST_F(BufferRingTest, AnEndHasNoBuffer) {
  buffers.recycle(0);
  receive();
  pair.one.reset();
  ASSERT_TRUE(wait_for(witness));
  EXPECT_EQ(witness.result(), 0);
  EXPECT_FALSE(witness.outcomes.back().has_more());
}

TEST_F(BufferRingTest, ABufferIsNoLongerThanItWasMade) {
  buffers.recycle(0);
  buffers.recycle(1);
  const Pair stream = make_pair();
  const std::string much(1500, 'x');
  ASSERT_EQ(::send(stream.one.get(), much.data(), much.size(), 0), 1500);
  ring.receive_multishot(witness.op, stream.two.get(), BufferRing::kGroup);
  ASSERT_TRUE(wait_for_outcomes(2));
  EXPECT_EQ(witness.outcomes[0].result, 1024);
  EXPECT_EQ(witness.outcomes[1].result, 476);
  EXPECT_NE(witness.outcomes[0].buffer(), witness.outcomes[1].buffer());
  end(witness);
}

TEST_F(BufferRingTest, ASecondRingForTheSameGroupIsRefused) {
  const auto second = BufferRing::create(ring.raw(), {4, 1024});
  ASSERT_FALSE(second.has_value());
  EXPECT_NE(second.error().text.find("the kernel refuses a provided-buffer ring"),
            std::string::npos);
}

}  // namespace
}  // namespace sluice::uring
