// What only the kernel's gear does: moving into it, and what there is to step around in the kernel.
// Skipped where the kernel has no tls module; tests/kernel/run starts one that has.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <chrono>
#include <future>
#include <string>
#include <thread>
#include <utility>

#include "proxy/secure_relay.h"
#include "secure_kernel_bench.h"

namespace sluice::proxy {
namespace {

using tls::test::pattern;
using End = FarEnd::End;

/// What goes to its far end soon finds no room.
TcpPair make_pair_of_small_buffers() {
  constexpr int kBytes = 16 * 1024;
  TcpPair pair = make_tcp_pair();
  ::setsockopt(pair.near.get(), SOL_SOCKET, SO_SNDBUF, &kBytes, sizeof kBytes);
  ::setsockopt(pair.far.get(), SOL_SOCKET, SO_RCVBUF, &kBytes, sizeof kBytes);
  return pair;
}

// --- Moving ---

TEST_F(SecureRelayInKernel, AShortSessionStaysInUserSpace) {
  SecureLoop loop(kOnceBulk);
  SecureSession session(loop, {}, kPlain);
  ASSERT_TRUE(session.client.write("question"));
  EXPECT_EQ(session.server.read_text(8), "question");
  EXPECT_EQ(reason_up(session), UserReason::kShortSession);
}

TEST_F(SecureRelayInKernel, BulkMovesMidStreamAndOnlyItsOwnDirection) {
  SecureLoop loop(kOnceBulk);
  SecureSession session(loop, {}, kPlain);
  splice_up(session);
  EXPECT_EQ(reason_down(session), UserReason::kShortSession);
  ASSERT_TRUE(session.server.write("answer"));
  EXPECT_EQ(session.client.read_text(6), "answer");
  expect_carried(session.server, session.client, pattern(1'000'000));
  EXPECT_EQ(reason_down(session), UserReason::kNone);
}

/// Records lie across every border of segments, so that part of one is read at each time.
TEST_F(SecureRelayInKernel, MovesAtEverySplitOfARecord) {
  SecureLoop loop(kAlways);
  for (std::size_t cut = 1; cut < 60; ++cut) {
    SecureSession session(loop, {}, kPlain);
    Bytes bytes = session.client.pair()->write("first");
    const Bytes more = session.client.pair()->write("second");
    bytes.insert(bytes.end(), more.begin(), more.end());
    const auto at = static_cast<std::ptrdiff_t>(std::min(cut, bytes.size()));
    ASSERT_TRUE(session.client.say_raw(Bytes(bytes.begin(), bytes.begin() + at)));
    std::this_thread::yield();
    ASSERT_TRUE(session.client.say_raw(Bytes(bytes.begin() + at, bytes.end())));
    ASSERT_EQ(session.server.read_text(11), "firstsecond") << cut;
    EXPECT_EQ(reason_up(session), UserReason::kNone);
  }
}

/// The stage has read part of a record with the handshake: exactly the rest of it is read before
/// the kernel gets the socket.
TEST_F(SecureRelayInKernel, EarlyDataBehindFinishedIsOpenedHereAndTheRestByTheKernel) {
  SecureLoop loop(kAlways);
  for (std::size_t cut = 0; cut < 64; ++cut) {
    TcpPair client = make_tcp_pair();
    const int far = client.far.get();
    SecureSession session(loop, {}, kPlain, std::move(client), make_tcp_pair(), [&](FarEnd& end) {
      Bytes bytes = end.pair()->write("first");
      const Bytes more = end.pair()->write("second");
      bytes.insert(bytes.end(), more.begin(), more.end());
      const auto at = static_cast<std::ptrdiff_t>(std::min(cut, bytes.size()));
      EXPECT_TRUE(send_all(far, Bytes(bytes.begin() + at, bytes.end())));
      return Bytes(bytes.begin(), bytes.begin() + at);
    });
    ASSERT_EQ(session.server.read_text(11), "firstsecond") << cut;
    ASSERT_TRUE(session.client.write("third"));
    ASSERT_EQ(session.server.read_text(5), "third") << cut;
    EXPECT_EQ(reason_up(session), UserReason::kNone) << cut;
  }
}

TEST_F(SecureRelayInKernel, AFinBeforeTheMoveLeavesItInUserSpaceWithTheReason) {
  SecureLoop loop(kOnceBulk);
  SecureSession session(loop, {}, kPlain);
  session.client.say_close_notify();
  session.client.shut();
  EXPECT_EQ(session.server.wait_for_end(), End::kFin);
  expect_carried(session.server, session.client, pattern(1'000'000));
  EXPECT_EQ(reason_down(session), UserReason::kEnding);
}

TEST_F(SecureRelayInKernel, ACipherThatTheKernelLacksStaysInUserSpace) {
  SecureLoop loop(kAlways);
  loop.run([&] { loop.parts().secure.ktls.ability = tls::KtlsAbility{true, false, {}}; });
  SecureSession session(loop, {}, kPlain);
  expect_carried(session.client, session.server, pattern(1'000'000));
  EXPECT_EQ(reason_up(session), UserReason::kCipher);
}

// --- Splicing ---

/// The kernel knows no limit but 16 KiB before Linux 6.19. What comes in is not concerned.
TEST_F(SecureRelayInKernel, AShorterFragmentKeepsWhatWeSendInUserSpace) {
  SecureLoop loop(kAlways);
  SecureSession session(loop, {.max_fragment = 512}, kPlain);
  expect_carried(session.server, session.client, pattern(300'000));
  EXPECT_EQ(reason_down(session), UserReason::kFragment);
  expect_carried(session.client, session.server, pattern(300'000));
  EXPECT_EQ(reason_up(session), UserReason::kNone);
}

TEST_F(SecureRelayInKernel, SplicedBulkDoesNotComeToUserSpace) {
  SecureLoop loop(kOnceBulk);
  SecureSession session(loop, {}, kPlain);
  splice_up(session);
  const std::uint64_t copied = value(loop, &SecureContext::copied_bytes);
  const std::uint64_t spliced = value(loop, &SecureContext::spliced_bytes);
  expect_carried(session.client, session.server, pattern(2'000'000));
  EXPECT_EQ(value(loop, &SecureContext::copied_bytes), copied);
  EXPECT_EQ(value(loop, &SecureContext::spliced_bytes), spliced + 2'000'000);
}

TEST_F(SecureRelayInKernel, WithoutAPipeItCopiesAndLosesNothing) {
  SecureOptions options = kAlways;
  options.relay.pipe_limit = 0;
  SecureLoop loop(options);
  SecureSession session(loop, {}, kPlain);
  expect_carried(session.client, session.server, pattern(1'000'000));
  expect_carried(session.server, session.client, pattern(1'000'000));
  EXPECT_EQ(value(loop, &SecureContext::spliced_bytes), 0U);
  EXPECT_EQ(reason_up(session), UserReason::kNone);
}

/// Kernels lose what finds no slot in the pipe (mainline 7e7be31bfdb0): many small pages.
TEST_F(SecureRelayInKernel, APipeThatFillsLosesNothing) {
  SecureLoop loop(kAlways);
  SecureSession session(loop, {}, kPlain, make_tcp_pair(), make_pair_of_small_buffers());
  splice_up(session);
  const Bytes bytes = pattern(600'000);
  auto written = std::async(std::launch::async, [&] { return session.client.write(bytes); });
  // Nobody reads: the pipe stays full until the sink is blocked.
  EXPECT_TRUE(session.wait_for(
      [](auto& up, auto&) { return up.state().is_sending && up.state().held > 0; }));
  EXPECT_TRUE(session.server.read(bytes.size()) == bytes);
  EXPECT_TRUE(written.get());
}

/// splice(2) gives 0 for a record without content, which is not the stream's end.
TEST_F(SecureRelayInKernel, EmptyRecordsMidSpliceAreNoEnd) {
  SecureLoop loop(kAlways);
  SecureSession session(loop, {}, kPlain);
  ClientRecords records(session.client);
  const std::string text(16'000, 'x');
  for (int i = 0; i < 40; ++i) records.add(text).add("").add("");
  auto written =
      std::async(std::launch::async, [&] { return session.client.say_raw(records.take()); });
  EXPECT_EQ(session.server.read(40 * text.size()).size(), 40 * text.size());
  EXPECT_TRUE(written.get());
  records.add("end");
  ASSERT_TRUE(session.client.say_raw(records.take()));
  EXPECT_EQ(session.server.read_text(3), "end");
}

/// poll(2) of Linux 6.1 tells of the first byte of a record: looking again at once would spin.
TEST_F(SecureRelayInKernel, PartOfARecordDoesNotKeepTheWorkerBusy) {
  SecureLoop loop(kAlways);
  SecureSession session(loop, {}, kPlain);
  expect_carried(session.client, session.server, pattern(100));
  const Bytes record = session.client.pair()->write("whole in the end");
  const auto middle = record.begin() + 10;
  ASSERT_TRUE(session.client.say_raw(Bytes(record.begin(), middle)));
  const std::uint64_t before = value(loop, &SecureContext::calls);
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  EXPECT_LT(value(loop, &SecureContext::calls), before + 200);
  ASSERT_TRUE(session.client.say_raw(Bytes(middle, record.end())));
  EXPECT_EQ(session.server.read_text(16), "whole in the end");
}

// --- Control records ---

TEST_F(SecureRelayInKernel, CloseNotifyMidSpliceIsTheEndAndKeepsTheOtherDirection) {
  SecureLoop loop(kAlways);
  SecureSession session(loop, {}, kPlain);
  splice_up(session);
  session.client.say_close_notify();
  session.client.shut();
  EXPECT_EQ(session.server.wait_for_end(), End::kFin);
  EXPECT_EQ(value(loop, &SecureContext::truncations), 0U);
  expect_carried(session.server, session.client, pattern(2'000'000));
  session.server.shut();
  EXPECT_EQ(session.client.wait_for_end(), End::kCloseNotify);
}

TEST_F(SecureRelayInKernel, DataBehindCloseNotifyDoesNotCount) {
  SecureLoop loop(kAlways);
  SecureSession session(loop, {}, kPlain);
  splice_up(session);
  SSL_shutdown(session.client.pair()->other());
  Bytes bytes = session.client.pair()->take_output();
  const Bytes garbage = random_bytes(100, 2);
  bytes.insert(bytes.end(), garbage.begin(), garbage.end());
  ASSERT_TRUE(session.client.say_raw(bytes));
  EXPECT_EQ(session.server.wait_for_end(), End::kFin);
  EXPECT_TRUE(session.server.rest().empty());
}

TEST_F(SecureRelayInKernel, TruncationMidSpliceIsCounted) {
  SecureLoop loop(kAlways);
  SecureSession session(loop, {}, kPlain);
  splice_up(session);
  session.client.shut();
  EXPECT_EQ(session.server.wait_for_end(), End::kFin);
  EXPECT_EQ(value(loop, &SecureContext::truncations), 1U);
}

TEST_F(SecureRelayInKernel, ATruncatedRecordIsATruncation) {
  SecureLoop loop(kAlways);
  SecureSession session(loop, {}, kPlain);
  splice_up(session);
  const Bytes record = session.client.pair()->write("never whole");
  ASSERT_TRUE(session.client.say_raw(Bytes(record.begin(), record.end() - 1)));
  session.client.shut();
  EXPECT_EQ(session.server.wait_for_end(), End::kFin);
  EXPECT_TRUE(session.server.rest().empty());
  EXPECT_EQ(value(loop, &SecureContext::truncations), 1U);
}

TEST_F(SecureRelayInKernel, AFatalAlertMidSpliceEndsTheSession) {
  SecureLoop loop(kAlways);
  SecureSession session(loop, {}, kPlain);
  ClientRecords records(session.client);
  records.add("data").add(std::string("\x02\x50", 2), wire::RecordType::kAlert);
  ASSERT_TRUE(session.client.say_raw(records.take()));
  EXPECT_EQ(session.server.read_text(4), "data");
  ASSERT_TRUE(session.wait_for_ending());
  EXPECT_EQ(session.ending()->reason, CloseReason::kClientReset);
}

TEST_F(SecureRelayInKernel, AWarningAlertMidSpliceIsPassedOver) {
  SecureLoop loop(kAlways);
  SecureSession session(loop, {}, kPlain);
  ClientRecords records(session.client);
  records.add("one").add(std::string("\x01\x5a", 2), wire::RecordType::kAlert).add("two");
  ASSERT_TRUE(session.client.say_raw(records.take()));
  EXPECT_EQ(session.server.read_text(6), "onetwo");
}

TEST_F(SecureRelayInKernel, ARecordOfAnotherKindIsAnsweredWithAnAlertOfTheKernel) {
  SecureLoop loop(kAlways);
  SecureSession session(loop, {}, kPlain);
  ClientRecords records(session.client);
  records.add(std::string("\x14\0\0\0", 4), wire::RecordType::kHandshake);  // Finished
  ASSERT_TRUE(session.client.say_raw(records.take()));
  EXPECT_EQ(session.client.wait_for_end(), End::kAlert);
  EXPECT_EQ(value(loop, &SecureContext::refusals), 1U);
}

TEST_F(SecureRelayInKernel, AForgedRecordEndsTheSession) {
  SecureLoop loop(kAlways);
  SecureSession session(loop, {}, kPlain);
  splice_up(session);
  Bytes record = session.client.pair()->write("attack");
  record.back() ^= std::byte{1};
  ASSERT_TRUE(session.client.say_raw(record));
  EXPECT_EQ(session.server.wait_for_end(), End::kReset);
  EXPECT_TRUE(session.server.rest().empty());
  ASSERT_TRUE(session.wait_for_ending());
  EXPECT_EQ(value(loop, &SecureContext::refusals), 1U);
}

/// splice(2) fails with EINVAL, as at a control record, and is silent afterwards; or with EMSGSIZE.
TEST_F(SecureRelayInKernel, AHeaderThatIsNoneEndsTheSession) {
  const Bytes no_version =
      tls::test::to_bytes(std::string("\x17\x09\x09\0\x20", 5) + std::string(32, 'x'));
  const Bytes too_long =
      tls::test::to_bytes(std::string("\x17\x03\x03\xff\xff", 5) + std::string(1000, 'x'));
  for (const Bytes& bytes : {no_version, too_long}) {
    SecureLoop loop(kAlways);
    SecureSession session(loop, {}, kPlain);
    splice_up(session);
    ASSERT_TRUE(session.client.say_raw(bytes));
    EXPECT_EQ(session.server.wait_for_end(), End::kReset);
    EXPECT_TRUE(session.server.rest().empty());
    ASSERT_TRUE(session.wait_for_ending());
    EXPECT_EQ(session.ending()->side, Side::kClient);
    EXPECT_EQ(value(loop, &SecureContext::refusals), 1U);
  }
}

TEST_F(SecureRelayInKernel, RenegotiationMidStreamIsDeclinedAndTheSessionLives) {
  SecureLoop loop(kAlways);
  SecureSession session(loop, {.version = tls::Version::kTls12}, kPlain);
  ClientRecords records(session.client);
  records.add("one").add(std::string("\1\0\0\0", 4), wire::RecordType::kHandshake).add("two");
  ASSERT_TRUE(session.client.say_raw(records.take()));
  EXPECT_EQ(session.server.read_text(6), "onetwo");
  EXPECT_EQ(session.client.wait_for_end(), End::kAlert) << "which OpenSSL takes for an end";
}

TEST_F(SecureRelayInKernel, TicketsOfTheServerMidStreamArePassedOver) {
  SecureLoop loop(kAlways);
  SecureSession session(loop, kPlain, {});  // our client leg is plain, OpenSSL serves
  expect_carried(session.server, session.client, pattern(500'000));
  ASSERT_EQ(SSL_new_session_ticket(session.server.pair()->other()), 1);
  expect_carried(session.server, session.client, pattern(500'000));
}

// --- Ends ---

/// The kernel may hold the tail of the last record when the socket is full: a FIN must not go
/// first.
TEST_F(SecureRelayInKernel, ASlowReaderGetsTheTailAndCloseNotify) {
  SecureLoop loop(kOnceBulk);
  SecureSession session(loop, {}, kPlain, make_pair_of_small_buffers(), make_tcp_pair());
  const Bytes bytes = pattern(600'000);
  auto written = std::async(std::launch::async, [&] {
    const bool is_sent = session.server.write(bytes);
    session.server.shut();
    return is_sent;
  });
  EXPECT_TRUE(session.wait_for(
      [](auto&, auto& down) { return down.state().is_sending && down.state().held > 0; }));
  EXPECT_TRUE(session.client.read(bytes.size()) == bytes);
  EXPECT_TRUE(written.get());
  EXPECT_EQ(session.client.wait_for_end(), End::kCloseNotify);
}

}  // namespace
}  // namespace sluice::proxy
