// Keys that change while the kernel seals and opens: where it can take the next one the session
// goes on in the same gear, elsewhere it ends with its reason. Skipped where the kernel has no tls
// module; tests/kernel/run --qemu --newest starts one that can.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <future>
#include <string>
#include <utility>

#include "secure_kernel_bench.h"
#include "tls/key_limit.h"

namespace sluice::proxy {
namespace {

using tls::test::pattern;
using End = FarEnd::End;

class SecureRekeyInKernel : public SecureRelayInKernel {
 protected:
  void SetUp() override {
    if (!ktls_ability().can_rekey) GTEST_SKIP() << "this kernel cannot replace a key";
  }
  static void expect_carried_both_ways(SecureSession& session) {
    expect_carried(session.client, session.server, pattern(100'000));
    expect_carried(session.server, session.client, pattern(100'000));
  }
  static void expect_in_kernel(SecureSession& session) {
    EXPECT_EQ(reason_up(session), UserReason::kNone);
    EXPECT_EQ(reason_down(session), UserReason::kNone);
    EXPECT_FALSE(session.ending());
  }
};

/// What comes to the client, opened with keys of our own, which follow.
class RecordReader {
 public:
  RecordReader(FarEnd& client, int fd, std::uint64_t records_before)
      : fd_(fd), aead_(value_or_throw(tls::Aead::create())) {
    tls::SessionSecrets secrets = secrets_of_client(client);
    secrets.receive.sequence += records_before;
    EXPECT_TRUE(tls::derive_keys(secrets, keys_));
  }
  /// Until so many bytes have come, or something that must not.
  Bytes read(std::size_t count) {
    while (data_.size() < count && receive() && open_all()) {
    }
    return data_;
  }
  [[nodiscard]] int updates() const { return updates_; }

 private:
  bool receive() {
    const std::size_t old = raw_.size();
    raw_.resize(old + std::size_t{64} * 1024);
    const ssize_t got = ::recv(fd_, raw_.data() + old, raw_.size() - old, 0);
    raw_.resize(old + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    return got > 0;
  }
  bool open_all() {
    std::uint32_t begin = 0;
    tls::RecordOpener::Result result;
    do {
      tls::PieceList list;
      result = opener_.open(aead_, keys_.receive, raw_, begin, list);
      for (std::uint32_t i = 0; i < list.count; ++i) {
        const auto from = raw_.begin() + static_cast<std::ptrdiff_t>(list.pieces[i].offset);
        data_.insert(data_.end(), from, from + static_cast<std::ptrdiff_t>(list.pieces[i].length));
      }
      if (result.what == tls::Opened::kControl && !follow(result.body)) return false;
    } while (result.what == tls::Opened::kControl || result.what == tls::Opened::kFull);
    raw_.erase(raw_.begin(), raw_.begin() + static_cast<std::ptrdiff_t>(begin));
    return result.what == tls::Opened::kNeedsMore;
  }
  bool follow(std::span<const std::byte> message) {
    if (!std::ranges::equal(message, tls::kKeyUpdateMessage)) return false;
    ++updates_;
    return tls::advance_keys(keys_.receive);
  }

  int fd_;
  tls::Aead aead_;
  tls::SessionKeys keys_;
  tls::RecordOpener opener_;
  Bytes raw_;
  Bytes data_;
  int updates_ = 0;
};

// --- Where the kernel can ---

TEST_F(SecureRekeyInKernel, TheClientsKeyUpdatesAreFollowedAndAnswered) {
  SecureLoop loop(kAlways);
  SecureSession session(loop, {}, kPlain);
  splice_up(session);
  for (int round = 0; round < 6; ++round) {
    ask_for_key(session.client,
                round % 2 == 0 ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED);
    expect_carried_both_ways(session);
  }
  EXPECT_EQ(value(loop, &SecureContext::key_updates), 6U);
  expect_in_kernel(session);
}

/// The other leg, with which we are the client.
TEST_F(SecureRekeyInKernel, TheServersKeyUpdatesAreFollowedAndAnswered) {
  SecureLoop loop(kAlways);
  SecureSession session(loop, kPlain, {});
  for (int round = 0; round < 6; ++round) {
    ask_for_key(session.server);
    expect_carried(session.server, session.client, pattern(100'000));
    expect_carried(session.client, session.server, pattern(100'000));
  }
  EXPECT_EQ(value(loop, &SecureContext::key_updates), 6U);
  expect_in_kernel(session);
}

TEST_F(SecureRekeyInKernel, BothEndsMayAskAtOnce) {
  for (const auto cipher : {tls::Cipher::kAes256Gcm, tls::Cipher::kChacha20Poly1305}) {
    SecureLoop loop(kAlways);
    SecureSession session(loop, {.cipher = cipher}, {.cipher = cipher});
    for (int round = 0; round < 3; ++round) {
      ask_for_key(session.client);
      ask_for_key(session.server);
      expect_carried_both_ways(session);
    }
    EXPECT_EQ(value(loop, &SecureContext::key_updates), 6U);
    expect_in_kernel(session);
  }
}

/// The record before it, the KeyUpdate and the one after it, cut at each byte.
TEST_F(SecureRekeyInKernel, IsFollowedAtEverySplit) {
  SecureLoop loop(kAlways);
  SecureSession session(loop, {}, kPlain);
  std::size_t size = 1;
  for (std::size_t cut = 0; cut < size; ++cut) {
    Bytes bytes = session.client.pair()->write("first");
    ask_for_key(session.client, SSL_KEY_UPDATE_NOT_REQUESTED);
    const Bytes more = session.client.pair()->write("second");
    bytes.insert(bytes.end(), more.begin(), more.end());
    size = bytes.size();
    const auto at = static_cast<std::ptrdiff_t>(cut);
    ASSERT_TRUE(session.client.say_raw(Bytes(bytes.begin(), bytes.begin() + at)));
    // The relay has seen what came, where that was a whole record.
    if (cut >= 27) {
      ASSERT_EQ(session.server.read_text(5), "first") << cut;
    }
    ASSERT_TRUE(session.client.say_raw(Bytes(bytes.begin() + at, bytes.end())));
    const std::string rest = cut >= 27 ? "second" : "firstsecond";
    ASSERT_EQ(session.server.read_text(rest.size()), rest) << cut;
  }
  EXPECT_EQ(value(loop, &SecureContext::key_updates), size);
  expect_in_kernel(session);
}

TEST_F(SecureRekeyInKernel, IsAnsweredWhileBulkIsSplicedTheOtherWay) {
  SecureLoop loop(kAlways);
  SecureSession session(loop, {}, kPlain);
  constexpr std::size_t kSize = 4'000'000;
  expect_bulk_down_with_new_keys(session, kSize, 1);
  EXPECT_GT(value(loop, &SecureContext::spliced_bytes), kSize / 2);
  expect_in_kernel(session);
}

/// One half is the kernel's, the other one is not.
TEST_F(SecureRekeyInKernel, HalvesInDifferentGearsFollow) {
  SecureLoop loop(kOnceBulk);
  SecureSession session(loop, {}, kPlain);
  expect_carried(session.server, session.client, pattern(1'000'000));
  for (int round = 0; round < 3; ++round) {
    ask_for_key(session.client);
    ASSERT_TRUE(session.client.write("x"));
    ASSERT_EQ(session.server.read_text(1), "x");
    expect_carried(session.server, session.client, pattern(300'000));
  }
  EXPECT_EQ(reason_up(session), UserReason::kShortSession);
  EXPECT_EQ(reason_down(session), UserReason::kNone);
}

TEST_F(SecureRekeyInKernel, AFloodOfKeyUpdatesIsRefused) {
  SecureLoop loop(kAlways);
  SecureSession session(loop, {}, kPlain);
  ClientRecords records(session.client);
  for (std::uint32_t i = 0; i < 3 * tls::Control::kMaxUpdates; ++i) records.add_key_update();
  ASSERT_TRUE(session.client.say_raw(records.take()));
  EXPECT_EQ(session.client.wait_for_end(), End::kAlert);
  EXPECT_EQ(value(loop, &SecureContext::refusals), 1U);
  EXPECT_GE(value(loop, &SecureContext::key_updates), tls::Control::kMaxUpdates);
}

TEST_F(SecureRekeyInKernel, AKeyThatIsUsedUpIsReplaced) {
  constexpr std::uint64_t kBefore = tls::kMaxRecordsPerKey - 20;
  SecureLoop loop(kAlways);
  SecureSession session(loop, {.records_before = kBefore}, kPlain);
  RecordReader reader(session.client, session.client_sockets.far.get(), kBefore);
  const Bytes bytes = pattern(4'000'000);
  auto written = std::async(std::launch::async, [&] { return session.server.write(bytes); });
  EXPECT_TRUE(reader.read(bytes.size()) == bytes);
  EXPECT_TRUE(written.get());
  EXPECT_EQ(reader.updates(), 1);
  expect_carried(session.client, session.server, pattern(100'000));
  expect_in_kernel(session);
}

// --- Where it cannot ---

TEST_F(SecureRelayInKernel, AKeyUpdateEndsTheSessionWhereTheKernelCannotFollow) {
  if (ktls_ability().can_rekey) GTEST_SKIP() << "this kernel can";
  for (const int kind : {SSL_KEY_UPDATE_NOT_REQUESTED, SSL_KEY_UPDATE_REQUESTED}) {
    SecureLoop loop(kAlways);
    SecureSession session(loop, {}, kPlain);
    splice_up(session);
    ask_for_key(session.client, kind);
    ASSERT_TRUE(session.client.write("behind it"));
    EXPECT_EQ(session.server.wait_for_end(), End::kReset);
    ASSERT_TRUE(session.wait_for_ending());
    EXPECT_EQ(session.ending()->reason, CloseReason::kLimit);
    EXPECT_EQ(session.ending()->side, Side::kUs);
    EXPECT_EQ(session.client.wait_for_end(), End::kAlert);
  }
}

/// A kernel that can takes the first byte for the whole message and opens no more.
TEST_F(SecureRelayInKernel, AKeyUpdateInTwoRecordsEndsTheSessionWithItsReason) {
  for (const std::size_t cut : {1U, 4U}) {
    SecureLoop loop(kAlways);
    SecureSession session(loop, {}, kPlain);
    ClientRecords records(session.client);
    const std::string message("\x18\0\0\1\0", 5);
    records.add(message.substr(0, cut), wire::RecordType::kHandshake);
    records.add(message.substr(cut), wire::RecordType::kHandshake);
    ASSERT_TRUE(session.client.say_raw(records.take()));
    ASSERT_TRUE(session.wait_for_ending());
    EXPECT_EQ(session.ending()->reason, CloseReason::kLimit);
    EXPECT_EQ(session.ending()->side, Side::kUs);
    EXPECT_EQ(session.client.wait_for_end(), End::kAlert);
  }
}

TEST_F(SecureRelayInKernel, AnAnswerThatNeedsANewKeyOfTheKernelEndsTheSession) {
  if (ktls_ability().can_rekey) GTEST_SKIP() << "this kernel can";
  SecureLoop loop(kOnceBulk);
  SecureSession session(loop, {}, kPlain);
  expect_carried(session.server, session.client, pattern(1'000'000));
  ASSERT_EQ(reason_down(session), UserReason::kNone);
  ASSERT_EQ(reason_up(session), UserReason::kShortSession);
  // One that asks for nothing is followed: our receiving half is in user space still.
  ask_for_key(session.client, SSL_KEY_UPDATE_NOT_REQUESTED);
  ASSERT_TRUE(session.client.write("fine"));
  EXPECT_EQ(session.server.read_text(4), "fine");
  ask_for_key(session.client);
  ASSERT_TRUE(session.client.write("not so"));
  EXPECT_EQ(session.client.wait_for_end(), End::kAlert);
  ASSERT_TRUE(session.wait_for_ending());
  EXPECT_EQ(session.ending()->reason, CloseReason::kLimit);
}

TEST_F(SecureRelayInKernel, AKeyThatIsUsedUpEndsTheSessionWhereItCannotBeReplaced) {
  if (ktls_ability().can_rekey) GTEST_SKIP() << "this kernel can";
  SecureLoop loop(kAlways);
  SecureSession session(loop, {.records_before = tls::kMaxRecordsPerKey - 20}, kPlain);
  auto written =
      std::async(std::launch::async, [&] { return session.server.write(pattern(4'000'000)); });
  // It cannot be read, but it can be counted.
  ssize_t arrived = 0;
  Bytes into(64 * 1024);
  while (arrived < 4'000'000) {
    const ssize_t got = ::recv(session.client_sockets.far.get(), into.data(), into.size(), 0);
    if (got <= 0) break;
    arrived += got;
  }
  ASSERT_TRUE(session.wait_for_ending());
  EXPECT_EQ(session.ending()->reason, CloseReason::kLimit);
  EXPECT_EQ(session.ending()->side, Side::kUs);
  EXPECT_GE(arrived, 16 * 16'384);
  EXPECT_LT(arrived, 4'000'000);
}

}  // namespace
}  // namespace sluice::proxy
