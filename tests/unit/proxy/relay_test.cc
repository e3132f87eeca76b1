// One direction over real loopback sockets and a real ring, both gears. Needs io_uring.
#include "proxy/relay.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "buffer_hog.h"
#include "relay_bench.h"

namespace sluice::proxy {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// When nothing has moved for so long nothing is about to: on a busy machine the kernel opens a
/// window a while after the sink has taken something.
constexpr auto kStill = 100ms;

/// The gears that a test is run in.
enum class Start { kCopy, kSplice };

class RelayInGear : public testing::TestWithParam<Start> {
 protected:
  void SetUp() override {
    if (GetParam() == Start::kSplice) promote(line);
  }
  [[nodiscard]] Gear gear() const {
    return GetParam() == Start::kSplice ? Gear::kSplice : Gear::kCopy;
  }
  std::uint32_t held_chunks() {
    return loop.run([this] { return loop.parts().chunks.held(); });
  }
  std::uint64_t open_pipes() { return loop.parts().pipes.open_pipes().value(); }

  /// Writes until nothing moves any more: the sink is full, the relay has stopped, the source is
  /// full. Gives what was written.
  Bytes write_until_blocked() {
    const Bytes bytes = random_bytes(40 * 1024 * 1024, 9);
    std::size_t sent = 0;
    std::uint32_t held = 0;
    for (auto moved = Clock::now(); Clock::now() - moved < kStill;) {
      const std::size_t more = send_some(line.from.far.get(), bytes, sent);
      sent += more;
      const RelayState state = line.state();
      const bool is_blocked = state.held > 0 && state.is_sending && !state.is_receiving &&
                              !is_writable(line.to.near.get());
      if (more > 0 || !is_blocked || state.held != held) moved = Clock::now();
      held = state.held;
    }
    EXPECT_LT(sent, bytes.size());
    return {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(sent)};
  }

  RelayLoop loop{GetParam() == Start::kSplice ? kAllowed : kCopyOnly};
  Line line{loop, 64 * 1024};
};

INSTANTIATE_TEST_SUITE_P(Gears, RelayInGear, testing::Values(Start::kCopy, Start::kSplice),
                         [](const auto& gear) {
                           return gear.param == Start::kCopy ? "Copy" : "Splice";
                         });

// --- Bytes ---

TEST_P(RelayInGear, CarriesBulkExactly) {
  expect_carried(line, random_bytes(3 * kBulk + 12345, 1));
  EXPECT_EQ(line.state().gear, gear());
}

TEST_P(RelayInGear, CarriesMessagesOfEverySizeOneByOne) {
  for (std::size_t size = 1; size <= 300'000; size = size * 3 + 1) {
    expect_carried(line, random_bytes(size, size));
  }
}

TEST_P(RelayInGear, CountsEveryByteOnceForBothCounters) {
  const std::uint64_t before = line.counted();
  expect_carried(line, random_bytes(100'000, 2));
  EXPECT_EQ(line.counted() - before, 100'000U);
  EXPECT_EQ(loop.run([this] { return line.relay().bytes(); }), line.counted());
}

TEST_P(RelayInGear, HoldsNothingWhileItIsIdle) {
  expect_carried(line, random_bytes(100'000, 2));
  ASSERT_TRUE(line.wait_for([](const RelayState& state) {
    return state.held == 0 && !state.is_sending && state.is_receiving;
  }));
  EXPECT_EQ(held_chunks(), 0U);
}

// --- Backpressure ---

TEST_P(RelayInGear, DoesNotReadWhatItCanNotWrite) {
  const Bytes sent = write_until_blocked();
  ASSERT_TRUE(line.wait_for(
      [](const RelayState& now) { return !now.is_receiving && now.is_sending && now.held > 0; }));
  const RelayState state = line.state();
  EXPECT_GT(readable_bytes(line.from.near.get()), 0) << "the rest stays in the source's socket";
  // A multishot receive goes on for 32 buffers at the most at a time (io_uring/net.c,
  // MULTISHOT_MAX_RETRY), and has been seen to do so three times until its cancellation took
  // effect.
  const std::uint32_t most = GetParam() == Start::kCopy
                                 ? kHighWater + 4 * 32 * ChunkPool::kBufferBytes
                                 : static_cast<std::uint32_t>(PipePool::kPipeBytes);
  EXPECT_LE(state.held, most);
  EXPECT_LE(line.state().held, state.held) << "the sink's kernel may take a little more";

  const Bytes arrived = receive_exactly(line.to.far.get(), sent.size());
  EXPECT_TRUE(arrived == sent) << arrived.size() << " of " << sent.size();
  expect_carried(line, random_bytes(100'000, 3));
}

TEST_P(RelayInGear, GivesBuffersAndPipesBackAfterBackpressure) {
  const Bytes sent = write_until_blocked();
  EXPECT_EQ(held_chunks() > 0, GetParam() == Start::kCopy);
  static_cast<void>(receive_exactly(line.to.far.get(), sent.size()));
  ASSERT_TRUE(line.wait_for([](const RelayState& state) { return state.held == 0; }));
  EXPECT_EQ(held_chunks(), 0U);
  EXPECT_LE(open_pipes(), 1U);
}

// --- Ends ---

TEST_P(RelayInGear, PassesTheEndOnBehindTheBytes) {
  const Bytes bytes = random_bytes(kBulk, 4);
  Sender sender(line.from.far.get(), bytes);
  auto rest = std::async(std::launch::async, [this] { return receive_to_end(line.to.far.get()); });
  EXPECT_TRUE(sender.has_sent_all());
  shut_down_writing(line.from.far.get());
  const Rest arrived = rest.get();
  EXPECT_EQ(arrived.error, 0);
  EXPECT_TRUE(arrived.bytes == bytes);
  EXPECT_TRUE(line.wait_for([](const RelayState& state) {
    return state.source_ended && !state.source_failed && !state.is_receiving;
  }));
}

TEST_P(RelayInGear, PassesABareEndOn) {
  shut_down_writing(line.from.far.get());
  const Rest arrived = receive_to_end(line.to.far.get());
  EXPECT_EQ(arrived.error, 0);
  EXPECT_TRUE(arrived.bytes.empty());
}

TEST_P(RelayInGear, PassesTheEndOnOnlyWhenABlockedSinkHasTakenEverything) {
  const Bytes sent = write_until_blocked();
  shut_down_writing(line.from.far.get());
  EXPECT_FALSE(line.state().sink_shut);
  const Rest arrived = receive_to_end(line.to.far.get());
  EXPECT_EQ(arrived.error, 0);
  EXPECT_TRUE(arrived.bytes == sent);
}

TEST_P(RelayInGear, NoticesAReset) {
  expect_carried(line, random_bytes(10'000, 6));
  reset(line.from.far);
  EXPECT_TRUE(line.wait_for([](const RelayState& state) { return state.source_failed; }));
  EXPECT_FALSE(line.state().source_ended);
  EXPECT_FALSE(line.state().is_receiving);
}

TEST_P(RelayInGear, DeliversWhatItHoldsBeforeAReset) {
  const Bytes sent = write_until_blocked();
  const std::uint64_t taken = loop.run([this] { return line.relay().bytes(); });
  reset(line.from.far);
  const std::uint64_t before = GetParam() == Start::kSplice ? kBulk : 0;
  const Bytes arrived = receive_exactly(line.to.far.get(), taken - before);
  ASSERT_EQ(arrived.size(), taken - before);
  EXPECT_TRUE(std::equal(arrived.begin(), arrived.end(), sent.begin()));
  EXPECT_TRUE(line.wait_for([](const RelayState& state) {
    return state.source_failed && state.held == 0 && !state.is_sending;
  }));
}

TEST_P(RelayInGear, DropsWhatASinkThatBrokeCanNotTake) {
  static_cast<void>(write_until_blocked());
  reset(line.to.far);
  EXPECT_TRUE(line.wait_for([](const RelayState& state) {
    return state.sink_failed && state.held == 0 && !state.is_sending && !state.is_receiving;
  }));
  EXPECT_EQ(held_chunks(), 0U);
  EXPECT_GT(readable_bytes(line.from.near.get()), 0) << "nothing more is read for it";
}

TEST_P(RelayInGear, NoticesABrokenSinkWithTheNextBytes) {
  reset(line.to.far);
  // The first bytes may still leave before the reset has been seen.
  ASSERT_TRUE(loop.wait_until([this] {
    static_cast<void>(send_some(line.from.far.get(), Bytes(100), 0));
    return line.relay().state().sink_failed;
  }));
  EXPECT_TRUE(line.wait_for([](const RelayState& state) { return !state.is_receiving; }));
  EXPECT_EQ(line.state().held, 0U);
  EXPECT_EQ(held_chunks(), 0U);
}

TEST_P(RelayInGear, AnEndFromASourceThatBrokeElsewhereIsNoOrderlyOne) {
  loop.run([this] { line.relay().mark_source_broken(); });
  shut_down_writing(line.from.far.get());
  EXPECT_TRUE(line.wait_for([](const RelayState& state) { return state.source_failed; }));
  EXPECT_FALSE(line.state().source_ended);
}

// --- Stopping: the line's destructor checks that nothing is left ---

TEST_P(RelayInGear, StopsWhileIdle) {
  loop.run([this] { line.relay().stop(); });
  EXPECT_TRUE(loop.wait_until([this] { return line.relay().is_quiet(); }));
  EXPECT_EQ(held_chunks(), 0U);
  // What arrives afterwards is not touched.
  EXPECT_TRUE(send_all(line.from.far.get(), Bytes(1000)));
  EXPECT_TRUE(loop.wait_until([this] { return readable_bytes(line.from.near.get()) == 1000; }));
}

TEST_P(RelayInGear, StopsWhileTheSinkIsBlocked) {
  static_cast<void>(write_until_blocked());
  loop.run([this] { line.relay().stop(); });
  EXPECT_TRUE(loop.wait_until([this] { return line.relay().is_quiet(); }));
  EXPECT_EQ(held_chunks(), 0U);
  EXPECT_EQ(line.state().is_sending, false);
}

TEST_P(RelayInGear, StopsInTheMiddleOfBulkAtAnyMoment) {
  for (int round = 0; round < 12; ++round) {
    auto each = std::make_unique<Line>(loop);
    const Bytes bytes = random_bytes(kBulk, 8);
    auto sender = std::async(std::launch::async,
                             [&each, &bytes] { return send_all(each->from.far.get(), bytes); });
    // A different moment each time, given by bytes and not by time.
    const auto moment = static_cast<std::size_t>(1 + round * 40'000);
    EXPECT_EQ(receive_exactly(each->to.far.get(), moment).size(), moment);
    loop.run([&] { each->relay().stop(); });
    EXPECT_TRUE(loop.wait_until([&] { return each->relay().is_quiet(); }));
    ::shutdown(each->from.near.get(), SHUT_RDWR);  // lets the sender go
    reset(each->from.near);
    static_cast<void>(sender.get());
    each.reset();
    EXPECT_EQ(held_chunks(), 0U);
  }
}

TEST_P(RelayInGear, StopsAfterTheEndAndAfterAFailure) {
  shut_down_writing(line.from.far.get());
  ASSERT_TRUE(line.wait_for([](const RelayState& state) { return state.sink_shut; }));
  loop.run([this] { line.relay().stop(); });
  EXPECT_TRUE(loop.run([this] { return line.relay().is_quiet(); }));

  Line failed(loop);
  reset(failed.from.far);
  ASSERT_TRUE(failed.wait_for([](const RelayState& state) { return state.source_failed; }));
  loop.run([&] { failed.relay().stop(); });
  EXPECT_TRUE(loop.run([&] { return failed.relay().is_quiet(); }));
}

TEST_P(RelayInGear, StoppingTwiceIsStoppingOnce) {
  static_cast<void>(write_until_blocked());
  loop.run([this] {
    line.relay().stop();
    line.relay().stop();
  });
  EXPECT_TRUE(loop.wait_until([this] { return line.relay().is_quiet(); }));
}

// --- Shortages ---

TEST(Relay, CopiesWhereThereIsNoPipe) {
  RelayLoop loop(RelayParts::Options{0, true});
  Line line(loop);
  expect_carried(line, random_bytes(2 * kBulk, 1));
  EXPECT_EQ(line.state().gear, Gear::kCopy);
  EXPECT_GT(loop.parts().pipes.shortages().value(), 0U);
  EXPECT_EQ(loop.parts().pipes.open_pipes().value(), 0U);
}

TEST(Relay, OnePipeServesManyDirectionsInTurn) {
  RelayLoop loop(RelayParts::Options{1, true});
  std::vector<std::unique_ptr<Line>> lines;
  for (int count = 0; count < 4; ++count) {
    lines.push_back(std::make_unique<Line>(loop));
    promote(*lines.back());
  }
  for (auto& line : lines) expect_carried(*line, random_bytes(kBulk, 7));
  EXPECT_EQ(loop.parts().pipes.open_pipes().value(), 1U);
}

TEST(Relay, WaitsForABufferAndGoesOnWhenThereIsOne) {
  RelayLoop loop(kCopyOnly);
  Line line(loop);
  Hog hog(loop);
  hog.take_all();
  const Bytes bytes = random_bytes(500'000, 1);
  Sender sender(line.from.far.get(), bytes);
  ASSERT_TRUE(line.wait_for([](const RelayState& state) { return state.is_starved; }));
  EXPECT_GT(loop.parts().context.shortages.value(), 0U);
  EXPECT_FALSE(line.state().is_receiving);
  hog.release_all();
  EXPECT_TRUE(receive_exactly(line.to.far.get(), bytes.size()) == bytes);
  EXPECT_TRUE(sender.has_sent_all());
  EXPECT_FALSE(line.state().is_starved);
}

TEST(Relay, StopsWhileStarved) {
  RelayLoop loop(kCopyOnly);
  Line line(loop);
  Hog hog(loop);
  hog.take_all();
  EXPECT_TRUE(send_all(line.from.far.get(), Bytes(1000)));
  ASSERT_TRUE(line.wait_for([](const RelayState& state) { return state.is_starved; }));
  loop.run([&] { line.relay().stop(); });
  EXPECT_TRUE(loop.run([&] { return line.relay().is_quiet() && !line.relay().is_linked(); }));
}

TEST(Relay, SplicesWhileOthersHoldEveryBuffer) {
  RelayLoop loop(kAllowed);
  Line line(loop);
  Hog hog(loop);
  hog.take_all();
  expect_carried(line, random_bytes(500'000, 1));
  EXPECT_TRUE(loop.run([&] { return line.relay().has_spliced(); }));
}

TEST(Relay, RestsWithNeitherBuffersNorPipesAndGoesOnLater) {
  RelayLoop loop(RelayParts::Options{0, true});
  Line line(loop);
  Hog hog(loop);
  hog.take_all();
  const Bytes bytes = random_bytes(500'000, 1);
  Sender sender(line.from.far.get(), bytes);
  ASSERT_TRUE(loop.wait_until([&] { return loop.parts().context.shortages.value() > 0; }));
  const auto before = loop.parts().reactor.turns().value();
  std::this_thread::sleep_for(100ms);  // the time in which a spinning loop would turn
  EXPECT_LE(loop.parts().reactor.turns().value() - before, 20U) << "it spins";
  hog.release_all();
  EXPECT_TRUE(receive_exactly(line.to.far.get(), bytes.size()) == bytes);
  EXPECT_TRUE(sender.has_sent_all());
}

TEST(Relay, SeveralStarvedDirectionsAllGoOn) {
  RelayLoop loop(kCopyOnly);
  std::vector<std::unique_ptr<Line>> lines;
  for (int count = 0; count < 5; ++count) lines.push_back(std::make_unique<Line>(loop));
  Hog hog(loop);
  hog.take_all();
  for (auto& line : lines) EXPECT_TRUE(send_all(line->from.far.get(), random_bytes(3000, 1)));
  for (auto& line : lines) {
    ASSERT_TRUE(line->wait_for([](const RelayState& state) { return state.is_starved; }));
  }
  hog.release_all();
  for (auto& line : lines) {
    EXPECT_TRUE(receive_exactly(line->to.far.get(), 3000) == random_bytes(3000, 1));
  }
}

// --- What arrives in several buffers ---

/// A connection whose near end has these bytes to read.
TcpPair make_loaded_pair(const Bytes& bytes) {
  TcpPair pair = make_tcp_pair();
  EXPECT_TRUE(send_all(pair.far.get(), bytes));
  return pair;
}

TEST(Relay, WhatHasArrivedTogetherIsSentTogether) {
  RelayLoop loop(kCopyOnly);
  const Bytes bytes = random_bytes(60'000, 11);
  Line line(loop, make_loaded_pair(bytes), {});
  ASSERT_TRUE(receive_exactly(line.to.far.get(), bytes.size()) == bytes);
  // A segment of loopback holds 65,483 bytes; each send of a buffer alone would make one.
  EXPECT_LE(data_segments_sent(line.to.near.get()), 2U);
}

TEST(Relay, UrgentDataBehindBytesDoesNotHoldThemBack) {
  // It counts as more to read, and reading does not give it.
  RelayLoop loop(kCopyOnly);
  const Bytes bytes = random_bytes(100, 12);
  TcpPair from = make_loaded_pair(bytes);
  ASSERT_EQ(::send(from.far.get(), "!", 1, MSG_OOB), 1);
  Line line(loop, std::move(from), {});
  EXPECT_TRUE(receive_exactly(line.to.far.get(), bytes.size()) == bytes);
}

TEST(Relay, AnEndBehindWhatIsGatheredIsPassedOn) {
  RelayLoop loop(kCopyOnly);
  const Bytes bytes = random_bytes(40'000, 13);
  TcpPair from = make_loaded_pair(bytes);
  ASSERT_EQ(::shutdown(from.far.get(), SHUT_WR), 0);
  Line line(loop, std::move(from), {});
  const Rest rest = receive_to_end(line.to.far.get());
  EXPECT_TRUE(rest.bytes == bytes) << rest.bytes.size();
  EXPECT_EQ(rest.error, 0);
}

// --- Two directions ---

TEST(Relay, QuestionAndAnswerStayCopied) {
  RelayLoop loop(kAllowed);
  // Both directions over the same two connections, sharing their run, as in a session.
  struct Host final : RelayHost {
    void on_relay_progress() noexcept override {}
  } host;
  TcpPair client = make_tcp_pair();
  TcpPair server = make_tcp_pair();
  struct Run run;  // testing::Test has a Run of its own
  stats::Counter counter;
  std::optional<Relay> up;
  std::optional<Relay> down;
  loop.run([&] {
    RelayContext& context = loop.parts().context;
    up.emplace(context, host, run,
               DirectionEnds{client.near.get(), server.near.get(), counter, counter});
    down.emplace(context, host, run,
                 DirectionEnds{server.near.get(), client.near.get(), counter, counter});
    up->advance();
    down->advance();
  });
  const Bytes question = random_bytes(2000, 1);
  const Bytes answer = random_bytes(60'000, 2);
  for (int round = 0; round < 50; ++round) {
    ASSERT_TRUE(send_all(client.far.get(), question));
    ASSERT_TRUE(receive_exactly(server.far.get(), question.size()) == question);
    ASSERT_TRUE(send_all(server.far.get(), answer));
    ASSERT_TRUE(receive_exactly(client.far.get(), answer.size()) == answer);
  }
  EXPECT_EQ(loop.parts().context.promotions.value(), 0U) << "3 MB, but never one way for long";
  loop.run([&] {
    up->stop();
    down->stop();
  });
  ASSERT_TRUE(loop.wait_until([&] { return up->is_quiet() && down->is_quiet(); }));
  loop.run([&] {
    up.reset();
    down.reset();
  });
}

}  // namespace
}  // namespace sluice::proxy
