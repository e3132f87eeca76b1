#include "tls/ticket_keys.h"

#include <gtest/gtest.h>

namespace sluice::tls {
namespace {

const base::TimePoint kBegin{};

TEST(TicketKeys, CopiesGoTheSameWay) {
  TicketKeys one(kBegin);
  TicketKeys other = one;
  one.advance(kBegin + 3 * TicketKeys::kPeriod);
  other.advance(kBegin + TicketKeys::kPeriod);
  EXPECT_NE(one.current().name, other.current().name);
  other.advance(kBegin + 3 * TicketKeys::kPeriod);
  EXPECT_EQ(one.current().name, other.current().name);
  EXPECT_EQ(one.current().cipher, other.current().cipher);
  EXPECT_EQ(one.current().mac, other.current().mac);
}

TEST(TicketKeys, ThePreviousKeysAreAcceptedAndOlderOnesAreNot) {
  TicketKeys keys(kBegin);
  const TicketKey first = keys.current();
  keys.advance(kBegin + TicketKeys::kPeriod - std::chrono::seconds(1));
  EXPECT_EQ(keys.current().name, first.name);
  keys.advance(kBegin + TicketKeys::kPeriod);
  EXPECT_NE(keys.current().name, first.name);
  ASSERT_NE(keys.find(first.name), nullptr);
  EXPECT_EQ(keys.find(first.name)->cipher, first.cipher);
  EXPECT_EQ(keys.find(keys.current().name), &keys.current());
  keys.advance(kBegin + 2 * TicketKeys::kPeriod);
  EXPECT_EQ(keys.find(first.name), nullptr);
}

TEST(TicketKeys, EveryProcessHasItsOwn) {
  EXPECT_NE(TicketKeys(kBegin).current().name, TicketKeys(kBegin).current().name);
}

}  // namespace
}  // namespace sluice::tls
