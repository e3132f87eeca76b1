// What a leg says first, and how long a key lasts: a writer's record limit (RFC 8446 section 5.5),
// in user space and in the kernel.
#include "proxy/secure_leg.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "secure_bench.h"
#include "tls/key_limit.h"

namespace sluice::proxy {
namespace {

using tls::Cipher;
using tls::Version;
using tls::test::Bytes;
using tls::test::to_bytes;
using tls::test::to_text;

/// Secrets of a server that has sent so many records.
tls::SessionSecrets secrets_after(std::uint64_t records, Version version = Version::kTls13,
                                  Cipher cipher = Cipher::kAes128Gcm) {
  tls::SessionSecrets secrets = tls::test::SslPair(version, cipher, tls::Role::kServer).secrets();
  secrets.transmit.sequence = records;
  return secrets;
}

/// The other side of such a connection.
class Reader {
 public:
  explicit Reader(tls::SessionSecrets secrets) {
    std::swap(secrets.transmit, secrets.receive);
    secrets.role = tls::Role::kClient;
    EXPECT_TRUE(tls::derive_keys(secrets, keys_));
  }
  /// Each record, by its content; keys follow. A KeyUpdate is `update`.
  std::vector<std::string> read(Bytes bytes) {
    std::vector<std::string> said;
    std::uint32_t begin = 0;
    while (begin < bytes.size()) {
      tls::PieceList list;
      const auto result = opener_.open(aead_, keys_.receive, bytes, begin, list);
      for (std::uint32_t i = 0; i < list.count; ++i) {
        const tls::Piece& piece = list.pieces[i];
        said.push_back(to_text(std::span(bytes).subspan(piece.offset, piece.length)));
      }
      if (result.what == tls::Opened::kControl) {
        EXPECT_EQ(to_text(result.body), to_text(std::span(tls::kKeyUpdateMessage)));
        EXPECT_TRUE(tls::advance_keys(keys_.receive));
        said.emplace_back("update");
      } else if (result.what == tls::Opened::kRefused) {
        ADD_FAILURE() << "a record under another key";
        break;
      }
    }
    return said;
  }

 private:
  tls::Aead aead_ = value_or_throw(tls::Aead::create());
  tls::SessionKeys keys_;
  tls::RecordOpener opener_;
};

/// What a writer with these secrets makes of two messages.
std::vector<std::string> said_after(const tls::SessionSecrets& secrets) {
  tls::Aead aead = value_or_throw(tls::Aead::create());
  RecordBuffers buffers({});
  RecordBuffer* out = buffers.borrow(BufferSize::kSmall, BufferUse::kSend);
  const auto leg = SecureLeg::make(secrets);
  EXPECT_EQ(leg->seal(aead, to_bytes("one"), *out), 3);
  EXPECT_EQ(leg->seal(aead, to_bytes("two"), *out), 3);
  const auto filled = out->filled();
  Bytes bytes(filled.begin(), filled.end());
  buffers.give_back(out);
  return Reader(secrets).read(std::move(bytes));
}

using Said = std::vector<std::string>;

TEST(SecureLeg, WhatTheHandshakeHasLeftGoesBeforeAnythingElse) {
  tls::Aead aead = value_or_throw(tls::Aead::create());
  RecordBuffers buffers({});
  tls::test::SslPair pair(Version::kTls13, Cipher::kAes128Gcm, tls::Role::kServer);
  const auto leg = SecureLeg::make(pair.secrets());
  leg->owe({});
  EXPECT_FALSE(leg->has_output());
  leg->owe(to_bytes("tickets"));
  EXPECT_TRUE(leg->has_output());
  EXPECT_FALSE(leg->has_answer());

  SSL_key_update(pair.other(), SSL_KEY_UPDATE_REQUESTED);
  const Bytes asked = pair.write("x");
  RecordBuffer* in = buffers.borrow(BufferSize::kSmall, BufferUse::kReceive);
  std::copy(asked.begin(), asked.end(), in->room().begin());
  in->end = static_cast<std::uint32_t>(asked.size());
  EXPECT_EQ(leg->open(aead, *in, base::Clock::now()).plaintext, 1U);
  EXPECT_TRUE(leg->has_answer());

  RecordBuffer* out = buffers.borrow(BufferSize::kSmall, BufferUse::kSend);
  EXPECT_TRUE(leg->seal_output(aead, *out));
  EXPECT_FALSE(leg->has_output());
  ASSERT_GT(out->filled().size(), 7U) << "with our KeyUpdate behind it";
  EXPECT_EQ(to_text(out->filled().first(7)), "tickets");
  in->pieces.clear();
  in->clear();
  buffers.give_back(in);
  buffers.give_back(out);
}

TEST(SecureLeg, TakesANewKeyWhenItsOwnIsUsedUp) {
  const std::uint64_t limit = tls::kMaxRecordsPerKey;
  for (const Cipher cipher : {Cipher::kAes128Gcm, Cipher::kAes256Gcm}) {
    EXPECT_EQ(said_after(secrets_after(limit - 2, Version::kTls13, cipher)), (Said{"one", "two"}));
    EXPECT_EQ(said_after(secrets_after(limit - 1, Version::kTls13, cipher)),
              (Said{"one", "update", "two"}));
    EXPECT_EQ(said_after(secrets_after(limit, Version::kTls13, cipher)),
              (Said{"update", "one", "two"}));
  }
}

TEST(SecureLeg, KeysWithoutALimitGoOn) {
  const std::uint64_t limit = tls::kMaxRecordsPerKey;
  EXPECT_EQ(said_after(secrets_after(limit, Version::kTls13, Cipher::kChacha20Poly1305)),
            (Said{"one", "two"}));
  EXPECT_EQ(said_after(secrets_after(limit, Version::kTls12)), (Said{"one", "two"}));
}

/// Bytes as the kernel seals them, on a socket whose kernel tells nothing.
bool is_stranded_after(const tls::SessionSecrets& secrets, std::uint32_t bytes) {
  const auto leg = SecureLeg::make(secrets);
  leg->note_sent(bytes);
  EXPECT_EQ(leg->has_output(), leg->is_stranded()) << "it ends with an alert";
  return leg->is_stranded();
}

TEST(SecureLeg, WhereTheKernelCannotReplaceAKeyItsLimitIsTheEnd) {
  const std::uint64_t limit = tls::kMaxRecordsPerKey;
  EXPECT_FALSE(is_stranded_after(secrets_after(limit - 6), 16'384));
  EXPECT_TRUE(is_stranded_after(secrets_after(limit - 5), 16'384)) << "small records, at worst";
  EXPECT_FALSE(
      is_stranded_after(secrets_after(limit, Version::kTls13, Cipher::kChacha20Poly1305), 16'384));
  EXPECT_FALSE(is_stranded_after(secrets_after(limit, Version::kTls12), 16'384));
}

/// The kernel's own count is asked for before the worst case is believed.
TEST(SecureLegInKernel, AKeyIsCountedByTheRecordsThatTheKernelHasMade) {
  if (!ktls_ability().has_module) GTEST_SKIP() << "no tls module";
  for (const auto cipher : {Cipher::kAes128Gcm, Cipher::kAes256Gcm, Cipher::kChacha20Poly1305}) {
    const TcpPair pair = make_tcp_pair();
    FarEnd far(pair.far.get(), {.cipher = cipher}, tls::Role::kServer);
    const auto leg = far.make_leg();
    const std::uint64_t before = leg->keys().transmit.sequence;
    ASSERT_EQ(
        leg->move_to_kernel(pair.near.get(), tls::Half::kTransmit, SecureLeg::Rekey::kImpossible),
        0);
    EXPECT_EQ(tls::next_record(pair.near.get(), leg->keys().transmit), before);
    ASSERT_TRUE(send_all(pair.near.get(), tls::test::pattern(16'384)));
    ASSERT_TRUE(send_all(pair.near.get(), tls::test::pattern(1)));
    EXPECT_EQ(tls::next_record(pair.near.get(), leg->keys().transmit), before + 2);
  }
}

/// A worst case beyond the limit is none where the kernel has made few large records.
TEST(SecureLegInKernel, AKeyThatIsNotUsedUpYetGoesOn) {
  if (!ktls_ability().has_module) GTEST_SKIP() << "no tls module";
  const TcpPair pair = make_tcp_pair();
  FarEnd far(pair.far.get(), {.records_before = tls::kMaxRecordsPerKey - 10}, tls::Role::kServer);
  const auto leg = far.make_leg();
  ASSERT_EQ(
      leg->move_to_kernel(pair.near.get(), tls::Half::kTransmit, SecureLeg::Rekey::kImpossible), 0);
  ASSERT_TRUE(send_all(pair.near.get(), tls::test::pattern(16'384)));
  leg->note_sent(60 * 1024);
  EXPECT_FALSE(leg->is_stranded());
}

}  // namespace
}  // namespace sluice::proxy
