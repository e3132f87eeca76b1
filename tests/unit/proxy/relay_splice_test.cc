// When a direction changes gear, over real loopback sockets and a real ring. Needs io_uring.
#include <gtest/gtest.h>

#include <cstdint>

#include "proxy/relay.h"
#include "relay_bench.h"

namespace sluice::proxy {
namespace {

TEST(RelaySplice, StaysCopyingUntilTheRunIsLong) {
  RelayLoop loop(kAllowed);
  Line line(loop);
  expect_carried(line, random_bytes(Relay::kPromoteAfter - 1, 1));
  EXPECT_EQ(line.state().gear, Gear::kCopy);
  EXPECT_EQ(line.state().wanted, Gear::kCopy);
  expect_carried(line, random_bytes(1, 1));
  EXPECT_TRUE(line.wait_for([](const RelayState& state) { return state.gear == Gear::kSplice; }));
  EXPECT_TRUE(loop.run([&] { return line.relay().has_spliced(); }));
  EXPECT_EQ(loop.parts().context.promotions.value(), 1U);
  expect_carried(line, random_bytes(kBulk, 2));
}

TEST(RelaySplice, NeverSplicesWhereThatIsOff) {
  RelayLoop loop(kCopyOnly);
  Line line(loop);
  expect_carried(line, random_bytes(2 * kBulk, 1));
  EXPECT_EQ(loop.parts().context.promotions.value(), 0U);
  EXPECT_FALSE(loop.run([&] { return line.relay().has_spliced(); }));
}

/// One byte after the other, each only when the one before has arrived.
void chat(Line& line, int messages) {
  for (int message = 0; message < messages; ++message) {
    expect_carried(line, Bytes(1, static_cast<std::byte>(message)));
  }
}

/// Single bytes until the direction copies again: two of them may share a turn, so that their
/// number is not exact.
void demote(Line& line) {
  for (int message = 0; message < 500 && line.state().gear == Gear::kSplice; ++message) {
    chat(line, 1);
  }
  ASSERT_EQ(line.state().gear, Gear::kCopy);
}

TEST(RelaySplice, GoesBackToCopyingWhenItTurnsChatty) {
  RelayLoop loop(kAllowed);
  Line line(loop);
  promote(line);
  chat(line, 2);  // the end of the bulk may have come in small moves, too
  EXPECT_EQ(line.state().gear, Gear::kSplice) << "not yet";
  demote(line);
  EXPECT_EQ(loop.parts().context.demotions.value(), 1U);
  chat(line, 20);
  EXPECT_EQ(line.state().gear, Gear::kCopy);
  EXPECT_EQ(loop.parts().context.promotions.value(), 1U);
}

TEST(RelaySplice, AsksForALongerRunAfterEachDemotion) {
  RelayLoop loop(kAllowed);
  Line line(loop);
  promote(line);
  demote(line);
  expect_carried(line, random_bytes(Relay::kPromoteAfter + 1000, 2));
  EXPECT_EQ(line.state().wanted, Gear::kCopy) << "once the length is not enough any more";
  expect_carried(line, random_bytes(Relay::kPromoteAfter, 3));
  EXPECT_TRUE(line.wait_for([](const RelayState& state) { return state.gear == Gear::kSplice; }));
}

TEST(RelaySplice, BytesStayExactThroughManyGearChanges) {
  RelayLoop loop(kAllowed);
  Line line(loop);
  for (int round = 0; round < 4; ++round) {
    expect_carried(line, random_bytes(3 * 1024 * 1024, static_cast<std::uint64_t>(round)));
    demote(line);
  }
  EXPECT_EQ(loop.parts().context.promotions.value(), 4U);
  EXPECT_EQ(loop.parts().context.demotions.value(), 4U);
}

}  // namespace
}  // namespace sluice::proxy
