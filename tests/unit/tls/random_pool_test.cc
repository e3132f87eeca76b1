#include "tls/random_pool.h"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <thread>

namespace sluice::tls {
namespace {

using Value = std::array<std::uint8_t, 16>;

TEST(RandomPool, NeverGivesTheSameTwice) {
  RandomPool pool;
  std::set<Value> seen;
  constexpr std::size_t kDraws = 10 * RandomPool::kBytes / sizeof(Value);
  for (std::size_t i = 0; i < kDraws; ++i) {
    Value value{};
    ASSERT_TRUE(pool.draw(value));
    EXPECT_TRUE(seen.insert(value).second);
  }
}

TEST(RandomPool, FillsEveryByteWhateverTheLengths) {
  RandomPool pool;
  std::array<std::uint8_t, 300> zeros{};  // three of them do not divide the pool
  std::array<int, 300> changed{};
  for (int round = 0; round < 50; ++round) {
    zeros.fill(0);
    ASSERT_TRUE(pool.draw(zeros));
    for (std::size_t i = 0; i < zeros.size(); ++i) changed[i] += zeros[i] != 0 ? 1 : 0;
  }
  // A byte is 0 by chance in one of 256 draws, so 30 times out of 50 never.
  for (const int count : changed) EXPECT_GT(count, 20);
}

TEST(RandomPool, GivesAllOfItself) {
  RandomPool pool;
  std::array<std::uint8_t, RandomPool::kBytes> all{};
  EXPECT_TRUE(pool.draw(all));
  EXPECT_TRUE(pool.draw(std::span(all).first(0)));
}

TEST(RandomPool, EveryThreadHasItsOwn) {
  const RandomPool* other = nullptr;
  std::thread([&] { other = &RandomPool::of_thread(); }).join();
  EXPECT_NE(other, nullptr);
  EXPECT_NE(other, &RandomPool::of_thread());
}

}  // namespace
}  // namespace sluice::tls
