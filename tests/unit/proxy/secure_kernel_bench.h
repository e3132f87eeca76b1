// What the tests of the kernel's gear share: sessions in it, and records that OpenSSL would not
// make.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string_view>
#include <utility>

#include "proxy/secure_relay.h"
#include "secure_bench.h"

namespace sluice::proxy {

inline constexpr SecureOptions kAlways{{}, tls::KtlsUse::kAlways, {}};
inline constexpr SecureOptions kOnceBulk{{}, tls::KtlsUse::kBulk, {}};

/// The client's side of what our end of its connection holds.
inline tls::SessionSecrets secrets_of_client(FarEnd& client) {
  tls::SessionSecrets secrets = client.pair()->secrets();
  std::swap(secrets.transmit, secrets.receive);
  secrets.role = tls::Role::kClient;
  return secrets;
}

/// Records that the client makes with its own keys, by our own sealing: what OpenSSL would not say.
class ClientRecords {
 public:
  explicit ClientRecords(FarEnd& client) : aead_(value_or_throw(tls::Aead::create())) {
    EXPECT_TRUE(tls::derive_keys(secrets_of_client(client), keys_));
  }
  ClientRecords& add(std::string_view text,
                     wire::RecordType type = wire::RecordType::kApplicationData) {
    const std::size_t old = bytes_.size();
    bytes_.resize(old + text.size() + tls::kMaxSealOverhead);
    bytes_.resize(old + tls::seal_record(aead_, keys_.transmit, type, tls::test::to_bytes(text),
                                         std::span(bytes_).subspan(old)));
    return *this;
  }
  ClientRecords& add_key_update() {
    add(tls::test::to_text(tls::kKeyUpdateMessage), wire::RecordType::kHandshake);
    EXPECT_TRUE(tls::advance_keys(keys_.transmit));
    return *this;
  }
  [[nodiscard]] Bytes take() { return std::exchange(bytes_, {}); }

 private:
  tls::Aead aead_;
  tls::SessionKeys keys_;
  Bytes bytes_;
};

class SecureRelayInKernel : public testing::Test {
 protected:
  void SetUp() override {
    if (!ktls_ability().has_module) GTEST_SKIP() << "no tls module";
  }
  static UserReason reason_up(SecureSession& session) {
    UserReason reason{};
    EXPECT_TRUE(session.wait_for([&](auto& up, auto&) {
      reason = up.user_reason();
      return true;
    }));
    return reason;
  }
  static UserReason reason_down(SecureSession& session) {
    UserReason reason{};
    EXPECT_TRUE(session.wait_for([&](auto&, auto& down) {
      reason = down.user_reason();
      return true;
    }));
    return reason;
  }
  /// Bulk in that direction until it is spliced.
  static void splice_up(SecureSession& session) {
    expect_carried(session.client, session.server, tls::test::pattern(1'000'000));
    EXPECT_EQ(reason_up(session), UserReason::kNone);
    EXPECT_TRUE(session.wait_for([](auto& up, auto&) { return up.has_spliced(); }));
  }
  static std::uint64_t value(SecureLoop& loop, stats::Counter SecureContext::*counter) {
    return loop.run([&] { return (loop.parts().secure.*counter).value(); });
  }
};

}  // namespace sluice::proxy
