#include "tls/record_stream.h"

#include <gtest/gtest.h>
#include <openssl/err.h>

#include <tuple>

#include "ssl_pair.h"
#include "tls/control.h"

namespace sluice::tls {
namespace {

using test::Bytes;
using test::pattern;
using test::SslPair;
using test::to_bytes;
using test::to_text;
using wire::Alert;
using wire::RecordType;

Aead make_aead() {
  auto made = Aead::create();
  EXPECT_TRUE(made.has_value());
  return std::move(*made);
}

/// Our side of a connection.
struct Ours {
  explicit Ours(const SessionSecrets& secrets) { EXPECT_TRUE(derive_keys(secrets, keys)); }

  RecordOpener::Result open(Bytes& bytes) {
    begin = 0;
    list.clear();
    return opener.open(aead, keys.receive, bytes, begin, list);
  }
  [[nodiscard]] std::string text(const Bytes& bytes) const {
    std::string text;
    for (std::uint32_t i = list.first; i < list.count; ++i) {
      text += to_text(std::span(bytes).subspan(list.pieces[i].offset, list.pieces[i].length));
    }
    return text;
  }
  Bytes seal(RecordType type, std::span<const std::byte> plaintext) {
    Bytes out(plaintext.size() + kMaxSealOverhead);
    out.resize(seal_record(aead, keys.transmit, type, plaintext, out));
    EXPECT_FALSE(out.empty());
    return out;
  }

  Aead aead = make_aead();
  SessionKeys keys;
  RecordOpener opener;
  PieceList list;
  std::uint32_t begin = 0;
};

void append(Bytes& to, const Bytes& more) {
  to.insert(to.end(), more.begin(), more.end());
}

/// Version, cipher, our role.
using Kind = std::tuple<Version, Cipher, Role>;

class AgainstOpenSsl : public ::testing::TestWithParam<Kind> {
 protected:
  SslPair pair_{std::get<0>(GetParam()), std::get<1>(GetParam()), std::get<2>(GetParam())};
  Ours ours_{pair_.secrets()};

  /// Takes what the other side said right after the handshake (tickets).
  void skip_control() {
    Bytes bytes = pair_.take_output();
    while (!bytes.empty()) {
      ASSERT_EQ(ours_.open(bytes).what, Opened::kControl);
      bytes.erase(bytes.begin(), bytes.begin() + ours_.begin);
    }
  }
};

TEST_P(AgainstOpenSsl, OpensWhatItWrites) {
  skip_control();
  Bytes bytes = pair_.write("hello");
  const auto result = ours_.open(bytes);
  EXPECT_EQ(result.what, Opened::kNeedsMore);
  EXPECT_EQ(ours_.text(bytes), "hello");
  EXPECT_EQ(ours_.begin, bytes.size());
}

TEST_P(AgainstOpenSsl, SealsWhatItReads) {
  Bytes records = ours_.seal(RecordType::kApplicationData, to_bytes("one"));
  append(records, ours_.seal(RecordType::kApplicationData, to_bytes("two")));
  append(records, ours_.seal(RecordType::kApplicationData, {}));
  append(records, ours_.seal(RecordType::kApplicationData, to_bytes("three")));
  pair_.feed(records);
  EXPECT_EQ(pair_.read(), "onetwothree");
  EXPECT_EQ(pair_.last_error(), SSL_ERROR_WANT_READ);
}

TEST_P(AgainstOpenSsl, CarriesFullRecordsBothWays) {
  skip_control();
  const std::string text = to_text(pattern(10 * wire::kMaxPlaintext + 1));
  Bytes bytes = pair_.write(text);
  const auto result = ours_.open(bytes);
  EXPECT_EQ(ours_.text(bytes), text);
  EXPECT_EQ(result.plaintext, text.size());
  EXPECT_EQ(ours_.list.count, 11U);
  for (std::size_t at = 0; at < text.size(); at += wire::kMaxPlaintext) {
    const auto part = to_bytes(text.substr(at, wire::kMaxPlaintext));
    pair_.feed(ours_.seal(RecordType::kApplicationData, part));
  }
  EXPECT_EQ(pair_.read(), text);
}

TEST_P(AgainstOpenSsl, OpensAStreamCutAtEveryByte) {
  skip_control();
  Bytes bytes = pair_.write("first");
  append(bytes, pair_.write("second"));
  std::string text;
  Bytes arrived;
  for (const std::byte byte : bytes) {
    EXPECT_GT(RecordOpener::missing(arrived), 0U);
    arrived.push_back(byte);
    ours_.open(arrived);
    text += ours_.text(arrived);
    arrived.erase(arrived.begin(), arrived.begin() + ours_.begin);
  }
  EXPECT_EQ(text, "firstsecond");
  EXPECT_TRUE(arrived.empty());
}

TEST_P(AgainstOpenSsl, RefusesEveryChangedByte) {
  skip_control();
  const Bytes record = pair_.write("x");
  for (std::size_t i = wire::kRecordHeaderBytes; i < record.size(); ++i) {
    Bytes changed = record;
    changed[i] ^= std::byte{0x40};
    Ours fresh(pair_.secrets());
    fresh.keys.receive.sequence = ours_.keys.receive.sequence;
    const auto result = fresh.open(changed);
    EXPECT_EQ(result.what, Opened::kRefused);
    EXPECT_EQ(result.alert, Alert::kBadRecordMac);
    EXPECT_TRUE(fresh.list.is_empty());
  }
}

TEST_P(AgainstOpenSsl, CloseNotifyBothWays) {
  skip_control();
  SSL_shutdown(pair_.other());
  Bytes bytes = pair_.take_output();
  const auto result = ours_.open(bytes);
  ASSERT_EQ(result.what, Opened::kControl);
  Control control(std::get<0>(GetParam()), std::get<2>(GetParam()));
  EXPECT_EQ(control.on_record(result.type, result.body, {}).action, Control::Action::kEnd);
  pair_.feed(ours_.seal(RecordType::kAlert, alert_message(Alert::kCloseNotify)));
  EXPECT_EQ(pair_.read(), "");
  EXPECT_EQ(pair_.last_error(), SSL_ERROR_ZERO_RETURN);
}

TEST_P(AgainstOpenSsl, FatalAlertIsUnderstood) {
  pair_.feed(ours_.seal(RecordType::kAlert, alert_message(Alert::kBadRecordMac)));
  EXPECT_EQ(pair_.read(), "");
  EXPECT_EQ(pair_.last_error(), SSL_ERROR_SSL);
  EXPECT_TRUE(SSL_get_shutdown(pair_.other()) & SSL_RECEIVED_SHUTDOWN);
  ERR_clear_error();
}

TEST_P(AgainstOpenSsl, WritesUnderKeysThatManySessionsShareAContextFor) {
  SslPair second_pair(std::get<0>(GetParam()), std::get<1>(GetParam()), std::get<2>(GetParam()));
  SessionKeys second;
  ASSERT_TRUE(derive_keys(second_pair.secrets(), second));
  for (int round = 0; round < 3; ++round) {
    pair_.feed(ours_.seal(RecordType::kApplicationData, to_bytes("a")));
    Bytes out(100);
    out.resize(
        seal_record(ours_.aead, second.transmit, RecordType::kApplicationData, to_bytes("b"), out));
    second_pair.feed(out);
  }
  EXPECT_EQ(pair_.read(), "aaa");
  EXPECT_EQ(second_pair.read(), "bbb");
}

std::string name_of(const ::testing::TestParamInfo<Kind>& info) {
  static constexpr std::array kCiphers = {"Aes128", "Aes256", "ChaCha"};
  const auto [version, cipher, role] = info.param;
  return std::string(version == Version::kTls13 ? "Tls13" : "Tls12") +
         kCiphers[static_cast<std::size_t>(cipher)] + (role == Role::kServer ? "Server" : "Client");
}

INSTANTIATE_TEST_SUITE_P(All, AgainstOpenSsl,
                         ::testing::Combine(::testing::Values(Version::kTls12, Version::kTls13),
                                            ::testing::Values(Cipher::kAes128Gcm,
                                                              Cipher::kAes256Gcm,
                                                              Cipher::kChacha20Poly1305),
                                            ::testing::Values(Role::kServer, Role::kClient)),
                         name_of);

// --- TLS 1.3 only ---

/// Plays the other side with our own sealer, to make what OpenSSL would not.
struct Loop {
  Loop() {
    SessionSecrets secrets;
    secrets.transmit.traffic_secret.fill(1);
    secrets.receive.traffic_secret.fill(1);  // both directions alike: we read what we write
    ours.emplace(secrets);
  }
  RecordOpener::Result open(Bytes bytes) {
    held = std::move(bytes);
    return ours->open(held);
  }
  /// A TLS 1.3 record around any inner plaintext, padding and type included.
  Bytes seal_inner(const Bytes& inner) {
    Bytes record(wire::kRecordHeaderBytes + inner.size() + kTagBytes);
    wire::write_record_header({RecordType::kApplicationData, 0x0303,
                               static_cast<std::uint16_t>(inner.size() + kTagBytes)},
                              record);
    RecordKeys& keys = ours->keys.transmit;
    Nonce nonce = keys.iv;
    nonce.back() = static_cast<std::uint8_t>(nonce.back() ^ keys.sequence++);
    EXPECT_TRUE(
        ours->aead.seal(keys, nonce, std::span(record).first(5), {inner, {}}, record.data() + 5));
    return record;
  }
  std::optional<Ours> ours;
  Bytes held;
};

TEST(RecordStream, PaddingIsTakenOff) {
  Loop loop;
  Bytes inner = to_bytes("padded");
  inner.push_back(std::byte{23});
  inner.resize(inner.size() + 100);
  EXPECT_EQ(loop.open(loop.seal_inner(inner)).what, Opened::kNeedsMore);
  EXPECT_EQ(loop.ours->text(loop.held), "padded");
}

TEST(RecordStream, NothingButPaddingIsRefused) {
  Loop loop;
  const auto result = loop.open(loop.seal_inner(Bytes(100)));
  EXPECT_EQ(result.what, Opened::kRefused);
  EXPECT_EQ(result.alert, Alert::kUnexpectedMessage);
}

TEST(RecordStream, MoreThanAFullRecordIsRefused) {
  Loop loop;
  Bytes inner(wire::kMaxPlaintext + 2, std::byte{7});
  inner.back() = std::byte{23};
  const auto result = loop.open(loop.seal_inner(inner));
  EXPECT_EQ(result.what, Opened::kRefused);
  EXPECT_EQ(result.alert, Alert::kRecordOverflow);
}

TEST(RecordStream, ALongHeaderIsRefusedBeforeItsBody) {
  Loop loop;
  const auto result =
      loop.open({std::byte{23}, std::byte{3}, std::byte{3}, std::byte{0x41}, std::byte{1}});
  EXPECT_EQ(result.what, Opened::kRefused);
  EXPECT_EQ(result.alert, Alert::kRecordOverflow);
}

TEST(RecordStream, PlaintextRecordsAreRefused) {
  Loop loop;
  for (const int type : {20, 21, 22, 0, 255}) {
    Bytes record(40);
    wire::write_record_header({static_cast<RecordType>(type), 0x0303, 35}, record);
    const auto result = loop.open(record);
    EXPECT_EQ(result.what, Opened::kRefused);
    EXPECT_EQ(result.alert, Alert::kUnexpectedMessage);
  }
}

TEST(RecordStream, OtherVersionsAreRefused) {
  Loop loop;
  EXPECT_EQ(loop.open(to_bytes("GET / HTTP/1.1\r\n")).alert, Alert::kProtocolVersion);
}

TEST(RecordStream, EmptyRecordsHaveACap) {
  Loop loop;
  Bytes records;
  for (int i = 0; i < kMaxEmptyRecords; ++i) {
    append(records, loop.ours->seal(RecordType::kApplicationData, {}));
  }
  EXPECT_EQ(loop.open(records).what, Opened::kNeedsMore);
  const auto result = loop.open(loop.ours->seal(RecordType::kApplicationData, {}));
  EXPECT_EQ(result.what, Opened::kRefused);
  EXPECT_EQ(result.alert, Alert::kUnexpectedMessage);
}

TEST(RecordStream, DataBetweenResetsTheCapOfEmptyRecords) {
  Loop loop;
  for (int round = 0; round < 3; ++round) {
    Bytes records;
    for (int i = 0; i < kMaxEmptyRecords; ++i) {
      append(records, loop.ours->seal(RecordType::kApplicationData, {}));
    }
    append(records, loop.ours->seal(RecordType::kApplicationData, to_bytes("x")));
    EXPECT_EQ(loop.open(records).what, Opened::kNeedsMore);
  }
}

TEST(RecordStream, AFullListStopsAndGoesOn) {
  Loop loop;
  Bytes records;
  for (std::uint32_t i = 0; i < PieceList::kCapacity + 3; ++i) {
    append(records, loop.ours->seal(RecordType::kApplicationData, to_bytes("x")));
  }
  EXPECT_EQ(loop.open(records).what, Opened::kFull);
  EXPECT_EQ(loop.ours->list.count, PieceList::kCapacity);
  loop.ours->list.clear();
  const auto result = loop.ours->opener.open(loop.ours->aead, loop.ours->keys.receive, loop.held,
                                             loop.ours->begin, loop.ours->list);
  EXPECT_EQ(result.what, Opened::kNeedsMore);
  EXPECT_EQ(loop.ours->list.count, 3U);
}

TEST(RecordStream, StopsAtAControlRecordAndGoesOnBehindIt) {
  Loop loop;
  Bytes records = loop.ours->seal(RecordType::kApplicationData, to_bytes("before"));
  append(records, loop.ours->seal(RecordType::kAlert, alert_message(Alert::kCloseNotify)));
  const auto result = loop.open(records);
  ASSERT_EQ(result.what, Opened::kControl);
  EXPECT_EQ(result.type, RecordType::kAlert);
  EXPECT_EQ(result.body.size(), 2U);
  EXPECT_EQ(loop.ours->text(loop.held), "before");
  EXPECT_EQ(loop.ours->begin, loop.held.size());
}

TEST(RecordStream, TheLastSequenceNumberIsNotUsed) {
  Loop loop;
  loop.ours->keys.transmit.sequence = ~std::uint64_t{0};
  Bytes out(100);
  EXPECT_EQ(seal_record(loop.ours->aead, loop.ours->keys.transmit, RecordType::kApplicationData,
                        to_bytes("x"), out),
            0U);
}

TEST(RecordStream, KeyUpdateUnderTheOldKeyThenTheNewOne) {
  SslPair pair(Version::kTls13, Cipher::kAes256Gcm, Role::kServer);
  Ours ours(pair.secrets());
  pair.feed(ours.seal(RecordType::kHandshake, kKeyUpdateMessage));
  ASSERT_TRUE(advance_keys(ours.keys.transmit));
  pair.feed(ours.seal(RecordType::kApplicationData, to_bytes("new key")));
  EXPECT_EQ(pair.read(), "new key");
}

TEST(RecordStream, KeyUpdateOfOpenSslIsFollowedAndAnswered) {
  SslPair pair(Version::kTls13, Cipher::kAes128Gcm, Role::kServer);
  Ours ours(pair.secrets());
  Control control(Version::kTls13, Role::kServer);
  for (int round = 0; round < 3; ++round) {
    ASSERT_EQ(SSL_key_update(pair.other(), SSL_KEY_UPDATE_REQUESTED), 1);
    Bytes bytes = pair.write("after");
    const auto result = ours.open(bytes);
    ASSERT_EQ(result.what, Opened::kControl);
    ASSERT_EQ(control.on_record(result.type, result.body, {}).action,
              Control::Action::kUpdateAndAnswer);
    ASSERT_TRUE(advance_keys(ours.keys.receive));
    bytes.erase(bytes.begin(), bytes.begin() + ours.begin);
    EXPECT_EQ(ours.open(bytes).what, Opened::kNeedsMore);
    EXPECT_EQ(ours.text(bytes), "after");
    pair.feed(ours.seal(RecordType::kHandshake, kKeyUpdateMessage));
    ASSERT_TRUE(advance_keys(ours.keys.transmit));
    pair.feed(ours.seal(RecordType::kApplicationData, to_bytes("answered")));
    EXPECT_EQ(pair.read(), "answered");
  }
}

TEST(RecordStream, RecordOfRfc8448) {
  SessionSecrets secrets;
  const Bytes secret = test::from_hex(
      "9e 40 64 6c e7 9a 7f 9d c0 5a f8 88 9b ce 65 52 87 5a fa 0b 06 df 00 87 f7 92 eb b7 c1 75 "
      "04 a5");
  for (std::size_t i = 0; i < secret.size(); ++i) {
    secrets.transmit.traffic_secret[i] = std::to_integer<std::uint8_t>(secret[i]);
  }
  Ours client(secrets);
  Bytes plaintext(50);
  for (std::size_t i = 0; i < plaintext.size(); ++i) plaintext[i] = static_cast<std::byte>(i);
  EXPECT_EQ(
      client.seal(RecordType::kApplicationData, plaintext),
      test::from_hex("17 03 03 00 43 a2 3f 70 54 b6 2c 94 d0 af fa fe 82 28 ba 55 cb ef ac ea "
                     "42 f9 14 aa 66 bc ab 3f 2b 98 19 a8 a5 b4 6b 39 5b d5 4a 9a 20 44 1e 2b "
                     "62 97 4e 1f 5a 62 92 a2 97 70 14 bd 1e 3d ea e6 3a ee bb 21 69 49 15 "
                     "e4"));
}

}  // namespace
}  // namespace sluice::tls
