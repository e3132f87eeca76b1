#include "config/suggest.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace sluice::config {
namespace {

constexpr std::array<std::string_view, 4> kKnown = {"port", "protocol", "health_check", "weight"};

TEST(EditDistance, CountsInsertionsDeletionsSubstitutions) {
  EXPECT_EQ(edit_distance("port", "port"), 0U);
  EXPECT_EQ(edit_distance("port", "ports"), 1U);
  EXPECT_EQ(edit_distance("port", "pot"), 1U);
  EXPECT_EQ(edit_distance("port", "pork"), 1U);
  EXPECT_EQ(edit_distance("", "port"), 4U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
}

TEST(EditDistance, CountsASwapOnce) {
  EXPECT_EQ(edit_distance("prot", "port"), 1U);
  EXPECT_EQ(edit_distance("wieght", "weight"), 1U);
}

TEST(EditDistance, IgnoresCaseAndDashes) {
  EXPECT_EQ(edit_distance("Health-Check", "health_check"), 0U);
}

TEST(EditDistance, IsBoundedForLongWords) {
  EXPECT_EQ(edit_distance(std::string(1000, 'a'), "port"), 64U);
}

TEST(Nearest, FindsMisspeltWords) {
  EXPECT_EQ(nearest("prot", kKnown), "port");
  EXPECT_EQ(nearest("healthcheck", kKnown), "health_check");
  EXPECT_EQ(nearest("Weight", kKnown), "weight");
}

TEST(Nearest, CompletesABeginning) {
  EXPECT_EQ(nearest("proto", kKnown), "protocol");
  EXPECT_EQ(nearest("he", kKnown), "");
}

TEST(Nearest, FindsNothingFar) {
  EXPECT_EQ(nearest("xyzzy", kKnown), "");
  EXPECT_EQ(nearest("", kKnown), "");
}

TEST(Suggester, SaysDidYouMean) {
  EXPECT_EQ(Suggester().suggest("prot", kKnown), "; did you mean `port`?");
  EXPECT_EQ(Suggester().suggest("xyzzy", kKnown), "");
}

TEST(Suggester, StopsAfterEnoughComparisons) {
  std::vector<std::string> names;
  for (int i = 0; i < 10'000; ++i) names.push_back("backend" + std::to_string(i));
  const std::vector<std::string_view> known(names.begin(), names.end());
  Suggester suggester;
  int made = 0;
  for (int i = 0; i < 10'000; ++i) {
    made += suggester.suggest("backemd" + std::to_string(i), known).empty() ? 0 : 1;
  }
  EXPECT_GE(made, 1);
  EXPECT_LE(made, 10);
}

TEST(Suggester, RemembersWhatItFound) {
  Suggester suggester;
  for (int i = 0; i < 100'000; ++i) {
    ASSERT_EQ(suggester.suggest("prot", kKnown), "; did you mean `port`?");
  }
}

}  // namespace
}  // namespace sluice::config
