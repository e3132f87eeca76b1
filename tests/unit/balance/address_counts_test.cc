#include "balance/address_counts.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace sluice::balance {
namespace {

Endpoint client(const std::string& ip, std::uint16_t port = 1024) {
  return Endpoint::from_ip(ip, port).value();
}

TEST(AddressCounts, LimitIsPerAddressWhateverThePort) {
  const auto counts = AddressCounts::create().value();
  EXPECT_TRUE(counts->take(client("10.0.0.1", 1), 2));
  const auto second = counts->take(client("10.0.0.1", 2), 2);
  ASSERT_TRUE(second);
  EXPECT_FALSE(counts->take(client("10.0.0.1", 3), 2));
  EXPECT_TRUE(counts->take(client("10.0.0.2"), 2));
  EXPECT_EQ(counts->count(client("10.0.0.1")), 2U);
  counts->give_back(*second);
  EXPECT_TRUE(counts->take(client("10.0.0.1", 4), 2));
}

TEST(AddressCounts, IPv6CountsByTheWholeAddressAndMappedOnesAreIPv4) {
  const auto counts = AddressCounts::create().value();
  EXPECT_TRUE(counts->take(client("2001:db8::1"), 1));
  EXPECT_TRUE(counts->take(client("2001:db8::2"), 1));
  EXPECT_FALSE(counts->take(client("2001:db8::1"), 1));
  EXPECT_TRUE(counts->take(client("192.0.2.1"), 1));
  EXPECT_FALSE(counts->take(client("::ffff:192.0.2.1"), 1));
}

TEST(AddressCounts, AFullBucketRefusesAndRecovers) {
  const auto counts = AddressCounts::create(AddressCounts::kWays).value();
  std::vector<std::uint32_t> places;
  for (int i = 0; i < 8; ++i) {
    const auto place = counts->take(client("10.0.0." + std::to_string(i)), 5);
    ASSERT_TRUE(place);
    places.push_back(*place);
  }
  EXPECT_FALSE(counts->take(client("10.0.1.1"), 5));
  EXPECT_TRUE(counts->take(client("10.0.0.3"), 5)) << "who has a place keeps it";
  counts->give_back(places[6]);
  EXPECT_TRUE(counts->take(client("10.0.1.1"), 5));
  EXPECT_FALSE(counts->take(client("10.0.0.6"), 5)) << "its place is taken";
}

TEST(AddressCounts, PlaceGivesBackOnce) {
  const auto counts = AddressCounts::create().value();
  {
    AddressPlace place(*counts, counts->take(client("10.0.0.1"), 1).value());
    AddressPlace other = std::move(place);
    EXPECT_EQ(counts->count(client("10.0.0.1")), 1U);
    other = {};
    EXPECT_EQ(counts->count(client("10.0.0.1")), 0U);
  }
  EXPECT_EQ(counts->count(client("10.0.0.1")), 0U);
}

// One bucket for six addresses, so that places change hands all the time.
TEST(AddressCounts, LimitHoldsWhileAllWorkersCountAtOnce) {
  constexpr std::size_t kClients = 12;
  constexpr std::uint32_t kLimit = 2;
  const auto counts = AddressCounts::create(AddressCounts::kWays).value();
  std::array<std::atomic<std::uint32_t>, kClients> inside{};
  std::atomic<bool> is_exceeded{false};
  std::atomic<std::uint64_t> taken{0};
  std::vector<std::thread> threads;
  for (unsigned worker = 0; worker < 4; ++worker) {
    threads.emplace_back([&, worker] {
      for (unsigned round = 0; round < 20'000; ++round) {
        const std::size_t who = (round * 7 + worker) % kClients;
        const auto place = counts->take(client("10.0.0." + std::to_string(who)), kLimit);
        if (!place) continue;
        taken.fetch_add(1);
        if (inside[who].fetch_add(1) + 1 > kLimit) is_exceeded = true;
        inside[who].fetch_sub(1);
        counts->give_back(*place);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(is_exceeded);
  EXPECT_GT(taken, 0U);
  for (std::size_t who = 0; who < kClients; ++who) {
    EXPECT_EQ(counts->count(client("10.0.0." + std::to_string(who))), 0U);
  }
}

// As many as the limit get in, not fewer, however many try at once.
TEST(AddressCounts, AllOfTheLimitIsGivenOut) {
  for (int round = 0; round < 200; ++round) {
    const auto counts = AddressCounts::create().value();
    ASSERT_TRUE(counts->take(client("10.0.0.1"), 10));
    std::atomic<int> taken{1};
    std::vector<std::thread> threads;
    for (int worker = 0; worker < 4; ++worker) {
      threads.emplace_back([&] {
        for (int i = 0; i < 5; ++i) taken += counts->take(client("10.0.0.1"), 10) ? 1 : 0;
      });
    }
    for (std::thread& thread : threads) thread.join();
    ASSERT_EQ(taken, 10);
  }
}

}  // namespace
}  // namespace sluice::balance
