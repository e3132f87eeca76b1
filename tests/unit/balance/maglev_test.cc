#include "balance/maglev.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

namespace sluice::balance {
namespace {

constexpr std::uint32_t kSize = 65'537;

std::vector<std::string> names(int count) {
  std::vector<std::string> all;
  for (int i = 0; i < count; ++i) all.push_back("app" + std::to_string(i));
  return all;
}

MaglevTable table_of(const std::vector<std::string>& names, std::uint16_t weight = 1) {
  std::vector<MaglevServer> servers;
  for (std::uint32_t i = 0; i < names.size(); ++i) servers.push_back({names[i], i, weight});
  return MaglevTable(servers, kSize);
}

std::vector<std::size_t> shares(const MaglevTable& table, std::size_t servers) {
  std::vector<std::size_t> counts(servers);
  for (const std::uint32_t server : table.entries()) ++counts[server];
  return counts;
}

// Permutations 3 0 4 1 5 2 6, 0 2 4 6 1 3 5 and 3 4 5 6 0 1 2 of 7 entries.
constexpr MaglevPath kB0{.server = 0, .offset = 3, .skip = 4};
constexpr MaglevPath kB1{.server = 1, .offset = 0, .skip = 2};
constexpr MaglevPath kB2{.server = 2, .offset = 3, .skip = 1};

TEST(Maglev, ReproducesTheTableOfThePaper) {
  EXPECT_EQ(fill_maglev(std::vector{kB0, kB1, kB2}, 7),
            (std::vector<std::uint32_t>{1, 0, 1, 0, 2, 2, 0}));
  EXPECT_EQ(fill_maglev(std::vector{kB0, kB2}, 7),
            (std::vector<std::uint32_t>{0, 0, 0, 0, 2, 2, 2}));
}

TEST(Maglev, AThousandEqualServersDifferByOneEntry) {
  const auto counts = shares(table_of(names(1000)), 1000);
  const auto [least, most] = std::minmax_element(counts.begin(), counts.end());
  EXPECT_EQ(*least, 65U);
  EXPECT_EQ(*most, 66U);
}

TEST(Maglev, EqualWeightsAreLikeNone) {
  const auto all = names(10);
  const MaglevTable plain = table_of(all);
  const MaglevTable heavy = table_of(all, 256);
  EXPECT_TRUE(std::equal(plain.entries().begin(), plain.entries().end(), heavy.entries().begin()));
}

TEST(Maglev, SharesFollowTheWeights) {
  const MaglevTable table({{"a", 0, 256}, {"b", 1, 128}, {"c", 2, 1}, {"d", 3, 0}}, kSize);
  const auto counts = shares(table, 4);
  EXPECT_NEAR(static_cast<double>(counts[0]), kSize * 256.0 / 385, 2);
  EXPECT_NEAR(static_cast<double>(counts[1]), kSize * 128.0 / 385, 2);
  EXPECT_NEAR(static_cast<double>(counts[2]), kSize * 1.0 / 385, 2);
  EXPECT_EQ(counts[3], 0U);
}

TEST(Maglev, TheOrderOfTheServersHasNoEffect) {
  auto all = names(20);
  const MaglevTable before = table_of(all);
  auto turned = all;
  std::reverse(turned.begin(), turned.end());
  const MaglevTable after = table_of(turned);
  for (std::uint32_t i = 0; i < kSize; ++i) {
    ASSERT_EQ(all[before.entries()[i]], turned[after.entries()[i]]) << i;
  }
}

TEST(Maglev, RemovingOneOfTenMovesFewOtherEntries) {
  const auto all = names(10);
  const MaglevTable before = table_of(all);
  for (std::size_t gone = 0; gone < all.size(); ++gone) {
    auto rest = all;
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(gone));
    const MaglevTable after = table_of(rest);
    std::uint32_t moved = 0;
    for (std::uint32_t i = 0; i < kSize; ++i) {
      moved += all[before.entries()[i]] != rest[after.entries()[i]] ? 1 : 0;
    }
    EXPECT_LE(moved, kSize * 0.105) << all[gone];
  }
}

TEST(Maglev, IsEmptyWithoutServers) {
  EXPECT_TRUE(MaglevTable({}, kSize).is_empty());
  EXPECT_TRUE(MaglevTable({{"a", 0, 0}}, kSize).is_empty());
}

}  // namespace
}  // namespace sluice::balance
