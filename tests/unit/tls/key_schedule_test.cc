#include "tls/key_schedule.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "ssl_pair.h"

namespace sluice::tls {
namespace {

using test::Bytes;
using test::from_hex;

template <std::size_t N>
void set(std::array<std::uint8_t, N>& array, std::string_view hex) {
  const Bytes bytes = from_hex(hex);
  ASSERT_LE(bytes.size(), N);
  std::transform(bytes.begin(), bytes.end(), array.begin(),
                 [](std::byte byte) { return std::to_integer<std::uint8_t>(byte); });
}

template <std::size_t N>
Bytes first(const std::array<std::uint8_t, N>& array, std::size_t count) {
  const auto bytes = std::as_bytes(std::span(array));
  return {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count)};
}

/// The server of RFC 8448 section 3.
SessionSecrets rfc8448() {
  SessionSecrets secrets;
  set(secrets.transmit.traffic_secret,
      "a1 1a f9 f0 55 31 f8 56 ad 47 11 6b 45 a9 50 32 82 04 b4 f4 4b fb 6b 3a 4b 4f 1f 3f cb 63 "
      "16 43");
  set(secrets.receive.traffic_secret,
      "9e 40 64 6c e7 9a 7f 9d c0 5a f8 88 9b ce 65 52 87 5a fa 0b 06 df 00 87 f7 92 eb b7 c1 75 "
      "04 a5");
  return secrets;
}

TEST(KeySchedule, GivesTheKeysOfRfc8448) {
  SessionKeys keys;
  ASSERT_TRUE(derive_keys(rfc8448(), keys));
  EXPECT_EQ(first(keys.transmit.key, 16),
            from_hex("9f 02 28 3b 6c 9c 07 ef c2 6b b9 f2 ac 92 e3 56"));
  EXPECT_EQ(first(keys.transmit.iv, 12), from_hex("cf 78 2b 88 dd 83 54 9a ad f1 e9 84"));
  EXPECT_EQ(first(keys.receive.key, 16),
            from_hex("17 42 2d da 59 6e d5 d9 ac d8 90 e3 c6 3f 50 51"));
  EXPECT_EQ(first(keys.receive.iv, 12), from_hex("5b 78 92 3d ee 08 57 90 33 e5 23 d9"));
}

TEST(KeySchedule, TakesSequenceNumbersOver) {
  SessionSecrets secrets = rfc8448();
  secrets.transmit.sequence = 2;
  secrets.receive.sequence = 7;
  SessionKeys keys;
  ASSERT_TRUE(derive_keys(secrets, keys));
  EXPECT_EQ(keys.transmit.sequence, 2U);
  EXPECT_EQ(keys.receive.sequence, 7U);
}

TEST(KeySchedule, NextGenerationBeginsAtZeroWithOtherKeys) {
  SessionKeys keys;
  ASSERT_TRUE(derive_keys(rfc8448(), keys));
  const RecordKeys before = keys.transmit;
  keys.transmit.sequence = 5;
  keys.transmit.id = 3;
  ASSERT_TRUE(advance_keys(keys.transmit));
  EXPECT_EQ(keys.transmit.sequence, 0U);
  EXPECT_EQ(keys.transmit.id, 0U);
  EXPECT_NE(keys.transmit.key, before.key);
  EXPECT_NE(keys.transmit.iv, before.iv);
  EXPECT_NE(keys.transmit.traffic_secret, before.traffic_secret);
}

TEST(KeySchedule, BothRolesOfTls12AgreeCrosswise) {
  SessionSecrets secrets;
  secrets.version = Version::kTls12;
  secrets.master_secret.fill(1);
  secrets.client_random.fill(2);
  secrets.server_random.fill(3);
  secrets.next_explicit_nonce = 9;
  SessionKeys server;
  ASSERT_TRUE(derive_keys(secrets, server));
  secrets.role = Role::kClient;
  SessionKeys client;
  ASSERT_TRUE(derive_keys(secrets, client));
  EXPECT_EQ(server.transmit.key, client.receive.key);
  EXPECT_EQ(server.receive.iv, client.transmit.iv);
  EXPECT_NE(server.transmit.key, server.receive.key);
  EXPECT_EQ(server.transmit.explicit_nonce, 9U);
}

}  // namespace
}  // namespace sluice::tls
