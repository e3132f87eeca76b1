// OpenSSL writes, the reader reads, in any pieces.
#include "proxy/leg_reader.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <tuple>
#include <utility>

#include "ssl_pair.h"

namespace sluice::proxy {
namespace {

using tls::Cipher;
using tls::Version;
using tls::test::SslPair;
using tls::test::to_text;
using What = LegReader::What;

/// A client, and the reader of what it says.
struct Client {
  explicit Client(Version version = Version::kTls13, Cipher cipher = Cipher::kAes128Gcm)
      : pair(version, cipher, tls::Role::kServer), leg(SecureLeg::make(pair.secrets())) {}

  /// Feeds bytes once.
  What feed(std::span<const std::byte>& bytes) { return reader.feed(*aead, bytes, {}); }
  /// Feeds all of the bytes, `piece` at a time; the plaintext that comes of them.
  std::string read(std::span<const std::byte> bytes, std::size_t piece) {
    std::string all;
    while (!bytes.empty()) {
      auto part = bytes.first(std::min(piece, bytes.size()));
      bytes = bytes.subspan(part.size());
      while (!part.empty()) {
        last = feed(part);
        if (last == What::kPlaintext) all += to_text(reader.plaintext());
        if (last == What::kFailed || last == What::kEnded) return all;
      }
    }
    return all;
  }
  [[nodiscard]] tls::test::Bytes end() {
    SSL_shutdown(pair.other());
    return pair.take_output();
  }

  SslPair pair;
  std::unique_ptr<SecureLeg> leg;
  Result<tls::Aead> aead = tls::Aead::create();
  LegReader reader{*leg};
  What last = What::kNothing;
};

tls::test::Bytes operator+(tls::test::Bytes one, const tls::test::Bytes& two) {
  one.insert(one.end(), two.begin(), two.end());
  return one;
}

class LegReaderOf : public testing::TestWithParam<std::tuple<Version, Cipher>> {};

TEST_P(LegReaderOf, AnyCutOfTheBytesIsTheSame) {
  const auto [version, cipher] = GetParam();
  for (const std::size_t piece : {1U, 2U, 5U, 6U, 1000U, 100'000U}) {
    Client client(version, cipher);
    const std::string large(16'384, 'x');
    tls::test::Bytes bytes =
        client.pair.write("one");  // one statement each: operands have no order
    bytes = std::move(bytes) + client.pair.write(large);
    bytes = std::move(bytes) + client.pair.write("three");
    EXPECT_EQ(client.read(bytes, piece), "one" + large + "three") << piece;
  }
}

INSTANTIATE_TEST_SUITE_P(All, LegReaderOf,
                         testing::Combine(testing::Values(Version::kTls12, Version::kTls13),
                                          testing::Values(Cipher::kAes128Gcm, Cipher::kAes256Gcm,
                                                          Cipher::kChacha20Poly1305)));

TEST(LegReader, TakesNothingBehindARecord) {
  Client client;
  const tls::test::Bytes first = client.pair.write("first");
  const tls::test::Bytes second = client.pair.write("second");
  const tls::test::Bytes both = first + second;
  std::span<const std::byte> rest = both;
  EXPECT_EQ(client.feed(rest), What::kPlaintext);
  EXPECT_EQ(to_text(client.reader.plaintext()), "first");
  EXPECT_EQ(rest.size(), second.size());
}

TEST(LegReader, SaysWhenTheOtherSideEnds) {
  Client client;
  const tls::test::Bytes said = client.pair.write("last");
  const tls::test::Bytes bytes = said + client.end();
  EXPECT_EQ(client.read(bytes, bytes.size()), "last");
  EXPECT_EQ(client.last, What::kEnded);
  EXPECT_FALSE(client.leg->has_output());
}

TEST(LegReader, FollowsAKeyUpdateAndOwesTheAnswer) {
  Client client;
  tls::test::Bytes bytes = client.pair.write("old");
  ASSERT_EQ(SSL_key_update(client.pair.other(), SSL_KEY_UPDATE_REQUESTED), 1);
  bytes = bytes + client.pair.write("new");
  EXPECT_EQ(client.read(bytes, 7), "oldnew");
  EXPECT_TRUE(client.leg->has_output());
  EXPECT_EQ(client.leg->key_updates(), 1U);
}

TEST(LegReader, RefusesARecordThatWasChanged) {
  Client client;
  tls::test::Bytes bytes = client.pair.write("text");
  bytes.back() ^= std::byte{1};
  EXPECT_EQ(client.read(bytes, bytes.size()), "");
  EXPECT_EQ(client.last, What::kFailed);
  EXPECT_TRUE(client.leg->has_output());
}

TEST(LegReader, AHeaderIsEnoughToRefuse) {
  for (const auto* header : {"GET /", "\x17\x03\x03\xff\xff"}) {
    Client client;
    client.read(tls::test::to_bytes(header), 1);
    EXPECT_EQ(client.last, What::kFailed) << header;
  }
}

}  // namespace
}  // namespace sluice::proxy
