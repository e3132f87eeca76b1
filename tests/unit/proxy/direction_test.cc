// What both kinds of direction do, shown by the plain relay. Needs io_uring.
#include "proxy/direction.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <chrono>
#include <utility>

#include "relay_bench.h"

namespace sluice::proxy {
namespace {

Bytes join(Bytes first, const Bytes& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

TEST(DirectionPrefix, IsWrittenBeforeAnythingReceived) {
  RelayLoop loop{RelayParts::Options{}};
  const Bytes prefix = random_bytes(16 * 1024, 1);
  const Bytes later = random_bytes(500'000, 2);
  TcpPair from = make_tcp_pair();
  ASSERT_TRUE(send_all(from.far.get(), Bytes(10)));  // waits in the socket before there is a relay
  Line line(loop, std::move(from), prefix);
  Sender sender(line.from.far.get(), later);
  const Bytes expected = join(join(prefix, Bytes(10)), later);
  EXPECT_TRUE(receive_exactly(line.to.far.get(), expected.size()) == expected);
  EXPECT_TRUE(sender.has_sent_all());
  EXPECT_EQ(line.counted(), expected.size());
  EXPECT_TRUE(line.wait_for([](const RelayState& state) { return state.held == 0; }));
}

TEST(DirectionPrefix, IsHeldAgainstASinkThatTakesNothing) {
  RelayLoop loop{RelayParts::Options{}};
  const Bytes prefix = random_bytes(4 * 1024 * 1024, 3);
  Line line(loop, make_tcp_pair(), make_narrow_pair(), prefix);
  ASSERT_TRUE(line.wait_for([](const RelayState& state) { return state.is_sending; }));
  const RelayState state = line.state();
  EXPECT_FALSE(state.is_receiving) << "what it can not write it does not read";
  EXPECT_GT(state.held, 0U);
  EXPECT_LT(state.held, prefix.size()) << "the first part went out at once";
  EXPECT_EQ(state.chunks, 0U);
  EXPECT_TRUE(receive_exactly(line.to.far.get(), prefix.size()) == prefix);
  EXPECT_TRUE(line.wait_for(
      [](const RelayState& now) { return now.held == 0 && !now.is_sending && now.is_receiving; }));
}

TEST(DirectionPrefix, ComesBeforeTheEnd) {
  RelayLoop loop{RelayParts::Options{}};
  const Bytes prefix = random_bytes(300'000, 4);
  TcpPair from = make_tcp_pair();
  shut_down_writing(from.far.get());
  Line line(loop, std::move(from), make_narrow_pair(), prefix);
  const Rest rest = receive_to_end(line.to.far.get());
  EXPECT_EQ(rest.error, 0);
  EXPECT_TRUE(rest.bytes == prefix);
}

TEST(DirectionPrefix, IsDroppedWhenTheSinkBreaks) {
  RelayLoop loop{RelayParts::Options{}};
  Line line(loop, make_tcp_pair(), make_narrow_pair(), random_bytes(4 * 1024 * 1024, 5));
  ASSERT_TRUE(line.wait_for([](const RelayState& state) { return state.is_sending; }));
  reset(line.to.far);
  EXPECT_TRUE(line.wait_for([](const RelayState& state) {
    return state.sink_failed && state.held == 0 && !state.is_sending;
  }));
}

TEST(DirectionPrefix, OfNothingIsNone) {
  RelayLoop loop{RelayParts::Options{}};
  Line line(loop, make_tcp_pair(), Bytes{});
  expect_carried(line, random_bytes(1000, 6));
}

// --- Nagle's algorithm ---

int no_delay(const sys::Fd& fd) {
  int value = -1;
  socklen_t size = sizeof value;
  EXPECT_EQ(::getsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &value, &size), 0);
  return value;
}

TEST(SlowSink, IsHastenedBeforeTheSecondWrite) {
  RelayLoop loop(RelayParts::Options{64, false});
  Line line(loop);
  const int off = 0;
  ASSERT_EQ(::setsockopt(line.to.near.get(), IPPROTO_TCP, TCP_NODELAY, &off, sizeof off), 0);
  expect_carried(line, Bytes(1));
  EXPECT_EQ(no_delay(line.to.near), 0);
  expect_carried(line, Bytes(1));
  EXPECT_EQ(no_delay(line.to.near), 1);
}

}  // namespace
}  // namespace sluice::proxy
