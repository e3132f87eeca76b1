// Provided buffers of a real ring.
#include "uring/buffer_ring.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

#include "ring_bench.h"

namespace sluice::uring {
namespace {

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
