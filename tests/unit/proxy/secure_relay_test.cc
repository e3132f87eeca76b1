// TLS over real sockets and a real ring, OpenSSL at the far ends. Needs io_uring. What is in the
// kernel's gear is skipped where the kernel has no tls module; tests/kernel/run starts one that
// has.
#include "proxy/secure_relay.h"

#include <gtest/gtest.h>

#include <future>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "secure_bench.h"

namespace sluice::proxy {
namespace {

using tls::Cipher;
using tls::Version;
using tls::test::pattern;
using tls::test::to_text;
using End = FarEnd::End;

/// How the session's two sockets speak.
enum class Mode { kOffload, kReencrypt, kOriginate };
using Kind = std::tuple<Mode, Version, Cipher, tls::KtlsUse>;

Speaks client_speaks(const Kind& kind) {
  if (std::get<0>(kind) == Mode::kOriginate) return kPlain;
  return {true, std::get<1>(kind), std::get<2>(kind)};
}
Speaks server_speaks(const Kind& kind) {
  if (std::get<0>(kind) == Mode::kOffload) return kPlain;
  return {true, std::get<1>(kind), std::get<2>(kind)};
}

std::uint64_t lent(SecureLoop& loop) {
  return loop.run([&] { return loop.parts().secure.buffers.lent(); });
}

class SecureRelayOf : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    if (is_kernels() && !ktls_ability().has_module) GTEST_SKIP() << "no tls module";
  }
  /// The user-mode kernel has one CPU and no AES of the processor's.
  static std::size_t scaled(std::size_t size) { return is_kernels() ? size / 8 + size % 8 : size; }
  static bool is_kernels() { return std::get<3>(GetParam()) != tls::KtlsUse::kNever; }

  SecureLoop loop_{SecureOptions{{}, std::get<3>(GetParam()), {}}};
  SecureSession session_{loop_, client_speaks(GetParam()), server_speaks(GetParam())};
};

TEST_P(SecureRelayOf, CarriesSmallMessagesBothWays) {
  for (int round = 0; round < 20; ++round) {
    const std::string question = "question " + std::to_string(round);
    ASSERT_TRUE(session_.client.write(question));
    EXPECT_EQ(session_.server.read_text(question.size()), question);
    ASSERT_TRUE(session_.server.write("answer"));
    EXPECT_EQ(session_.client.read_text(6), "answer");
  }
}

TEST_P(SecureRelayOf, CarriesMessagesOfEverySize) {
  for (std::size_t size = 1; size <= scaled(700'000); size = size * 3 + 1) {
    expect_carried(session_.client, session_.server, pattern(size));
    expect_carried(session_.server, session_.client, pattern(size + 1));
  }
}

TEST_P(SecureRelayOf, CarriesBulkBothWays) {
  expect_carried(session_.client, session_.server, pattern(scaled(9'000'001)));
  expect_carried(session_.server, session_.client, pattern(scaled(9'000'003)));
}

TEST_P(SecureRelayOf, HoldsNoBufferWhileNothingMoves) {
  expect_carried(session_.client, session_.server, pattern(900'000));
  expect_carried(session_.server, session_.client, pattern(100));
  EXPECT_TRUE(loop_.wait_until([&] { return loop_.parts().secure.buffers.lent() == 0; }));
}

TEST_P(SecureRelayOf, PassesAnOrderlyEndOnAndKeepsTheOtherDirection) {
  const bool is_tls_client = session_.client.pair() != nullptr;
  const bool is_tls_server = session_.server.pair() != nullptr;
  ASSERT_TRUE(session_.client.write("last words"));
  if (is_tls_client) session_.client.say_close_notify();
  session_.client.shut();
  EXPECT_EQ(session_.server.read_text(10), "last words");
  EXPECT_EQ(session_.server.wait_for_end(), is_tls_server ? End::kCloseNotify : End::kFin);
  expect_carried(session_.server, session_.client, pattern(scaled(3'000'000)));
  if (is_tls_server) session_.server.say_close_notify();
  session_.server.shut();
  EXPECT_EQ(session_.client.wait_for_end(), is_tls_client ? End::kCloseNotify : End::kFin);
  ASSERT_TRUE(session_.wait_for_ending());
  EXPECT_EQ(session_.ending()->reason, CloseReason::kClientClosed);
}

TEST_P(SecureRelayOf, LosesNothingWhenTheServerSaysAllAndEnds) {
  const Bytes bytes = pattern(scaled(5'000'000));
  auto written = std::async(std::launch::async, [&] {
    session_.server.write(bytes);
    if (session_.server.pair() != nullptr) session_.server.say_close_notify();
    session_.server.shut();
  });
  EXPECT_TRUE(session_.client.read(bytes.size()) == bytes);
  written.get();
  EXPECT_EQ(session_.client.wait_for_end(),
            session_.client.pair() != nullptr ? End::kCloseNotify : End::kFin);
}

TEST_P(SecureRelayOf, TruncationIsCountedAndPassedOnWithoutCloseNotify) {
  const bool is_tls_client = session_.client.pair() != nullptr;
  FarEnd& cut = is_tls_client ? session_.client : session_.server;
  FarEnd& other = is_tls_client ? session_.server : session_.client;
  ASSERT_TRUE(cut.write("cut"));
  cut.shut();
  EXPECT_EQ(other.read_text(3), "cut");
  EXPECT_EQ(other.wait_for_end(), End::kFin);
  EXPECT_EQ(loop_.parts().secure.truncations.value(), 1U);
}

TEST_P(SecureRelayOf, PassesAResetOnWithoutCloseNotify) {
  ASSERT_TRUE(session_.server.write("before"));
  EXPECT_EQ(session_.client.read_text(6), "before");
  reset(session_.server_sockets.far);
  EXPECT_EQ(session_.client.wait_for_end(), End::kReset);
  ASSERT_TRUE(session_.wait_for_ending());
  EXPECT_EQ(session_.ending()->reason, CloseReason::kServerReset);
}

TEST_P(SecureRelayOf, WaitsForASlowReaderAndLosesNothing) {
  if (is_kernels()) GTEST_SKIP() << "SecureRelayInKernel does so with less bytes";
  const Bytes bytes = pattern(12'000'000);
  auto written = std::async(std::launch::async, [&] { return session_.server.write(bytes); });
  EXPECT_TRUE(session_.wait_for([](const SecureRelay&, const SecureRelay& down) {
    return down.state().is_sending && down.state().held > 0;
  }));
  EXPECT_LE(lent(loop_), 2U);
  EXPECT_TRUE(session_.client.read(bytes.size()) == bytes);
  EXPECT_TRUE(written.get());
}

std::string name_of(const testing::TestParamInfo<Kind>& info) {
  static constexpr std::array kModes = {"Offload", "Reencrypt", "Originate"};
  static constexpr std::array kCiphers = {"Aes128", "Aes256", "ChaCha"};
  const auto [mode, version, cipher, use] = info.param;
  return std::string(kModes[static_cast<std::size_t>(mode)]) +
         (version == Version::kTls13 ? "Tls13" : "Tls12") +
         kCiphers[static_cast<std::size_t>(cipher)];
}

template <typename Uses>
auto kinds(Uses uses) {
  return testing::Combine(
      testing::Values(Mode::kOffload, Mode::kReencrypt, Mode::kOriginate),
      testing::Values(Version::kTls12, Version::kTls13),
      testing::Values(Cipher::kAes128Gcm, Cipher::kAes256Gcm, Cipher::kChacha20Poly1305), uses);
}

INSTANTIATE_TEST_SUITE_P(InUserSpace, SecureRelayOf, kinds(testing::Values(tls::KtlsUse::kNever)),
                         name_of);
INSTANTIATE_TEST_SUITE_P(InKernel, SecureRelayOf, kinds(testing::Values(tls::KtlsUse::kAlways)),
                         name_of);

// --- Control records ---

TEST(SecureRelay, FollowsAndAnswersKeyUpdatesMidStream) {
  SecureLoop loop;
  SecureSession session(loop, {}, kPlain);
  for (int round = 0; round < 10; ++round) {
    ask_for_key(session.client);
    expect_carried(session.client, session.server, pattern(200'000));
    // The answer comes under the old key, before any data under the new one.
    expect_carried(session.server, session.client, pattern(200'000));
  }
  EXPECT_EQ(loop.parts().secure.key_updates.value(), 10U);
}

TEST(SecureRelay, FollowsKeyUpdatesThatAskForNothing) {
  SecureLoop loop;
  SecureSession session(loop, {}, kPlain);
  ask_for_key(session.client, SSL_KEY_UPDATE_NOT_REQUESTED);
  expect_carried(session.client, session.server, pattern(200'000));
  expect_carried(session.server, session.client, pattern(10));
}

TEST(SecureRelay, AnswersAKeyUpdateWhileItMovesBulkTheOtherWay) {
  SecureLoop loop;
  SecureSession session(loop, {}, kPlain);
  expect_bulk_down_with_new_keys(session, 8'000'000, 3);
}

TEST(SecureRelay, RefusesAForgedRecordWithAnAlert) {
  SecureLoop loop;
  SecureSession session(loop, {}, kPlain);
  Bytes record = session.client.pair()->write("attack");
  record.back() ^= std::byte{1};
  ASSERT_TRUE(session.client.say_raw(record));
  EXPECT_EQ(session.client.wait_for_end(), End::kAlert);
  EXPECT_EQ(session.server.wait_for_end(), End::kReset);
  EXPECT_TRUE(session.server.rest().empty());
  EXPECT_EQ(loop.parts().secure.refusals.value(), 1U);
}

TEST(SecureRelay, RefusesGarbage) {
  SecureLoop loop;
  SecureSession session(loop, {}, kPlain);
  ASSERT_TRUE(session.client.say_raw(random_bytes(1000, 4)));
  EXPECT_EQ(session.client.wait_for_end(), End::kAlert);
  ASSERT_TRUE(session.wait_for_ending());
}

TEST(SecureRelay, DataBehindCloseNotifyDoesNotCount) {
  SecureLoop loop;
  SecureSession session(loop, {}, kPlain);
  Bytes bytes = session.client.pair()->write("real");
  SSL_shutdown(session.client.pair()->other());
  const Bytes notify = session.client.pair()->take_output();
  bytes.insert(bytes.end(), notify.begin(), notify.end());
  const Bytes garbage = random_bytes(100, 2);
  bytes.insert(bytes.end(), garbage.begin(), garbage.end());
  ASSERT_TRUE(session.client.say_raw(bytes));
  EXPECT_EQ(session.server.wait_for_end(), End::kFin);
  EXPECT_EQ(to_text(session.server.rest()), "real");
  EXPECT_EQ(loop.parts().secure.truncations.value(), 0U);
}

TEST(SecureRelay, ASinkThatFailsWhileItIsToldTheEndEndsTheSession) {
  SecureLoop loop;
  SecureSession session(loop, {}, kPlain);
  session.client_sockets.far.reset();
  EXPECT_EQ(session.server.wait_for_end(), End::kFin);
  ASSERT_TRUE(session.server.write("too late"));  // answered with a reset
  ASSERT_TRUE(session.wait_for([](auto&, auto& down) { return down.bytes() == 8; }));
  session.server.shut();
  ASSERT_TRUE(session.wait_for_ending());
  EXPECT_EQ(session.ending()->side, Side::kClient);
}

TEST(SecureRelay, EmptyRecordsMoveNothingAndAreCapped) {
  SecureLoop loop;
  SecureSession session(loop, {}, kPlain);
  tls::test::SslPair& pair = *session.client.pair();
  // OpenSSL writes none by itself: they are made with the client's own keys.
  tls::SessionSecrets secrets = pair.secrets();
  std::swap(secrets.transmit, secrets.receive);
  tls::SessionKeys keys;
  ASSERT_TRUE(tls::derive_keys(secrets, keys));
  auto aead = tls::Aead::create();
  Bytes records;
  const auto add = [&](std::string_view text) {
    const std::size_t old = records.size();
    records.resize(old + text.size() + tls::kMaxSealOverhead);
    records.resize(old + tls::seal_record(*aead, keys.transmit, wire::RecordType::kApplicationData,
                                          tls::test::to_bytes(text),
                                          std::span(records).subspan(old)));
  };
  for (int i = 0; i < tls::kMaxEmptyRecords; ++i) add("");
  add("data");
  ASSERT_TRUE(session.client.say_raw(records));
  EXPECT_EQ(session.server.read_text(4), "data");
  records.clear();
  for (int i = 0; i <= tls::kMaxEmptyRecords; ++i) add("");
  ASSERT_TRUE(session.client.say_raw(records));
  EXPECT_EQ(session.client.wait_for_end(), End::kAlert);
}

TEST(SecureRelay, ManyTinyRecordsInOnePieceArrive) {
  SecureLoop loop;
  SecureSession session(loop, {}, kPlain);
  Bytes records;
  std::string text;
  for (int i = 0; i < 1000; ++i) {
    const std::string part = std::to_string(i);
    const Bytes more = session.client.pair()->write(part);
    records.insert(records.end(), more.begin(), more.end());
    text += part;
  }
  ASSERT_TRUE(session.client.say_raw(records));
  EXPECT_EQ(session.server.read_text(text.size()), text);
}

// --- Hand-over and buffers ---

TEST(SecureRelay, TakesOverAtEverySplitOfTheStream) {
  SecureLoop loop;
  for (std::size_t cut = 0; cut <= 60; ++cut) {
    // What the stage had read already becomes the prefix; the rest is in the socket.
    SecureSession session(loop, kPlain, kPlain);
    tls::test::SslPair pair(Version::kTls13, Cipher::kAes128Gcm, tls::Role::kServer);
    Bytes bytes = pair.take_output();
    for (const char* text : {"first", "second"}) {
      const Bytes more = pair.write(text);
      bytes.insert(bytes.end(), more.begin(), more.end());
    }
    const std::size_t at = std::min(cut, bytes.size());
    auto leg = SecureLeg::make(pair.secrets());
    TcpPair from = make_tcp_pair();
    TcpPair to = make_tcp_pair();
    struct Host final : RelayHost {
      void on_relay_progress() noexcept override {}
    } host;
    proxy::Run own_run;
    stats::Counter counter;
    std::optional<SecureRelay> relay;
    loop.run([&] {
      relay.emplace(loop.parts().secure, static_cast<RelayHost&>(host), own_run,
                    DirectionEnds{from.near.get(), to.near.get(), counter, counter},
                    SecureRelay::Legs{leg.get(), nullptr});
      relay->begin_with(Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(at)));
      relay->advance();
    });
    EXPECT_TRUE(send_all(from.far.get(),
                         Bytes(bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.end())));
    EXPECT_EQ(to_text(receive_exactly(to.far.get(), 11)), "firstsecond") << cut;
    loop.run([&] { relay->stop(); });
    EXPECT_TRUE(loop.wait_until([&] { return relay->is_quiet(); }));
    loop.run([&] { relay.reset(); });
  }
}

TEST(SecureRelay, ShortOfBuffersDirectionsWaitAndAllArrives) {
  SecureLoop loop(SecureOptions{{4, 1}, tls::KtlsUse::kNever, {}});
  std::vector<std::unique_ptr<SecureSession>> sessions;
  for (int i = 0; i < 6; ++i) {
    sessions.push_back(std::make_unique<SecureSession>(loop, Speaks{}, kPlain));
  }
  const Bytes bytes = pattern(2'000'000);
  std::vector<std::future<bool>> written;
  for (auto& session : sessions) {
    written.push_back(std::async(std::launch::async, [&] { return session->server.write(bytes); }));
  }
  std::vector<std::future<bool>> read;
  for (auto& session : sessions) {
    read.push_back(std::async(std::launch::async,
                              [&] { return session->client.read(bytes.size()) == bytes; }));
  }
  for (auto& outcome : written) EXPECT_TRUE(outcome.get());
  for (auto& outcome : read) EXPECT_TRUE(outcome.get());
  EXPECT_GT(loop.parts().secure.buffers.shortages().value(), 0U);
  EXPECT_TRUE(loop.wait_until([&] { return loop.parts().secure.buffers.lent() == 0; }));
}

TEST(SecureRelay, ARecordInPartHoldsASmallBufferOnly) {
  SecureLoop loop;
  SecureSession session(loop, {}, kPlain);
  const Bytes record = session.client.pair()->write("whole in the end");
  ASSERT_TRUE(session.client.say_raw(Bytes(record.begin(), record.begin() + 10)));
  EXPECT_TRUE(loop.wait_until([&] { return loop.parts().secure.buffers.lent() == 1; }));
  ASSERT_TRUE(session.client.say_raw(Bytes(record.begin() + 10, record.end())));
  EXPECT_EQ(session.server.read_text(16), "whole in the end");
  EXPECT_TRUE(loop.wait_until([&] { return loop.parts().secure.buffers.lent() == 0; }));
}

}  // namespace
}  // namespace sluice::proxy
