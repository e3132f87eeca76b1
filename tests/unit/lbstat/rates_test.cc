#include "lbstat/rates.h"

#include <gtest/gtest.h>

#include <vector>

namespace sluice::lbstat {
namespace {

ServerRow make_server(const char* frontend, const char* server, std::uint64_t total,
                      std::uint64_t bytes_in, std::uint64_t bytes_out) {
  ServerRow row;
  row.frontend = frontend;
  row.backend = "shop";
  row.server = server;
  row.total = total;
  row.bytes_in = bytes_in;
  row.bytes_out = bytes_out;
  return row;
}

TEST(Rates, GrowthPerSecondByName) {
  const std::vector before{make_server("web", "a", 10, 100, 1000),
                           make_server("web", "b", 20, 200, 2000)};
  const std::vector now{make_server("web", "b", 30, 200, 4000),
                        make_server("web", "a", 11, 150, 1000)};
  const auto rates = rates_between(before, now, 2.0);
  ASSERT_EQ(rates.size(), 2U);
  EXPECT_DOUBLE_EQ(rates[0].sessions, 5);
  EXPECT_DOUBLE_EQ(rates[0].bytes_in, 0);
  EXPECT_DOUBLE_EQ(rates[0].bytes_out, 1000);
  EXPECT_DOUBLE_EQ(rates[1].sessions, 0.5);
  EXPECT_DOUBLE_EQ(rates[1].bytes_in, 25);
}

TEST(Rates, ARowOfAnotherFrontendIsAnotherRow) {
  const std::vector before{make_server("web", "a", 10, 0, 0)};
  const std::vector now{make_server("api", "a", 50, 0, 0)};
  EXPECT_EQ(rates_between(before, now, 1.0)[0].sessions, 0);
}

TEST(Rates, ACounterThatWentBackHasNotGrown) {
  const std::vector before{make_server("web", "a", 1'000'000, 5, 5)};
  const std::vector now{make_server("web", "a", 3, 6, 5)};
  const auto rates = rates_between(before, now, 1.0);
  EXPECT_EQ(rates[0].sessions, 0);
  EXPECT_EQ(rates[0].bytes_in, 1);
}

TEST(Rates, NoTimeNoRate) {
  const std::vector before{make_server("web", "a", 1, 1, 1)};
  const std::vector now{make_server("web", "a", 9, 9, 9)};
  EXPECT_EQ(rates_between(before, now, 0.0)[0].sessions, 0);
}

TEST(Rates, SessionsById) {
  SessionRow before;
  before.id = 7;
  before.bytes_out = 100;
  SessionRow now = before;
  now.bytes_out = 600;
  SessionRow fresh;
  fresh.id = 8;
  fresh.bytes_out = 600;
  const auto rates = rates_between(std::vector{before}, std::vector{now, fresh}, 1.0);
  EXPECT_DOUBLE_EQ(rates[0].bytes_out, 500);
  EXPECT_DOUBLE_EQ(rates[1].bytes_out, 0);
}

TEST(Rates, ReasonsByReasonAndSide) {
  const std::vector<ReasonRow> before{{"handshake_failed", "client", 1},
                                      {"handshake_failed", "server", 1}};
  const std::vector<ReasonRow> now{{"handshake_failed", "client", 1},
                                   {"handshake_failed", "server", 5}};
  const auto rates = rates_between(before, now, 1.0);
  EXPECT_EQ(rates[0].sessions, 0);
  EXPECT_EQ(rates[1].sessions, 4);
}

}  // namespace
}  // namespace sluice::lbstat
