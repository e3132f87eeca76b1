#include "proxy/tls_gear.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <string>

namespace sluice::proxy {
namespace {

using tls::KtlsUse;

constexpr GearFacts kFine{KtlsUse::kBulk, true, true, false, false, true};

TEST(TlsGear, BulkGoesIntoTheKernelWhereAllIsThere) {
  EXPECT_EQ(choose_gear(kFine), UserReason::kNone);
}

TEST(TlsGear, EveryFactThatIsMissingHasAReasonOfItsOwn) {
  const auto with = [](auto change) {
    GearFacts facts = kFine;
    change(facts);
    return choose_gear(facts);
  };
  EXPECT_EQ(with([](GearFacts& f) { f.use = KtlsUse::kNever; }), UserReason::kOff);
  EXPECT_EQ(with([](GearFacts& f) { f.has_module = false; }), UserReason::kNoModule);
  EXPECT_EQ(with([](GearFacts& f) { f.has_ciphers = false; }), UserReason::kCipher);
  EXPECT_EQ(with([](GearFacts& f) { f.is_fragmented = true; }), UserReason::kFragment);
  EXPECT_EQ(with([](GearFacts& f) { f.is_edited = true; }), UserReason::kEdited);
  EXPECT_EQ(with([](GearFacts& f) { f.is_bulk = false; }), UserReason::kShortSession);
}

TEST(TlsGear, AlwaysDoesNotWaitForBulkAndStillNeedsTheRest) {
  GearFacts facts = kFine;
  facts.use = KtlsUse::kAlways;
  facts.is_bulk = false;
  EXPECT_EQ(choose_gear(facts), UserReason::kNone);
  facts.has_ciphers = false;
  EXPECT_EQ(choose_gear(facts), UserReason::kCipher);
}

TEST(TlsGear, WhatLastsIsSaidBeforeWhatMayChange) {
  GearFacts facts;
  EXPECT_EQ(choose_gear(facts), UserReason::kOff);
  facts.use = KtlsUse::kBulk;
  EXPECT_EQ(choose_gear(facts), UserReason::kNoModule);
}

TEST(TlsGear, RefusalsAreToldApart) {
  EXPECT_EQ(classify_refusal(ENOTCONN), UserReason::kEnding);
  EXPECT_EQ(classify_refusal(ENOENT), UserReason::kCipher);
  EXPECT_EQ(classify_refusal(EINVAL), UserReason::kRefused);
  EXPECT_EQ(classify_refusal(ENOMEM), UserReason::kRefused);
}

TEST(TlsGear, TextsAreDistinct) {
  std::set<std::string> texts;
  for (std::size_t i = 0; i < kUserReasonCount; ++i) {
    texts.insert(gear_text(static_cast<UserReason>(i)));
  }
  EXPECT_EQ(texts.size(), kUserReasonCount);
  EXPECT_EQ(gear_text(UserReason::kNone), "ktls");
  EXPECT_EQ(gear_text(UserReason::kNoModule, UserReason::kNoModule), "user (no tls module)");
  EXPECT_EQ(gear_text(UserReason::kShortSession, UserReason::kNone), "user (short session)/ktls");
}

TEST(TlsGear, AbilitiesAreKeptApart) {
  tls::KtlsAbility ability;
  EXPECT_FALSE(ability.has_any());
  ability.allow(tls::Version::kTls12, tls::Cipher::kChacha20Poly1305, tls::Half::kReceive);
  EXPECT_TRUE(ability.has_any());
  EXPECT_TRUE(
      ability.has(tls::Version::kTls12, tls::Cipher::kChacha20Poly1305, tls::Half::kReceive));
  EXPECT_FALSE(
      ability.has(tls::Version::kTls12, tls::Cipher::kChacha20Poly1305, tls::Half::kTransmit));
  EXPECT_FALSE(
      ability.has(tls::Version::kTls13, tls::Cipher::kChacha20Poly1305, tls::Half::kReceive));
}

}  // namespace
}  // namespace sluice::proxy
