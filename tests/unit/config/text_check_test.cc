#include "config/text_check.h"

#include <gtest/gtest.h>

#include <string>

#include "config/bounds.h"

namespace sluice::config {
namespace {

struct Checked {
  bool is_good;
  Diagnostics diagnostics;
};

Checked check(std::string text) {
  const SourceText source(std::move(text));
  Report report("f", source);
  const bool is_good = check_text(source, report);
  return {is_good, report.take()};
}

TEST(TextCheck, AcceptsUtf8) {
  for (const char* text : {"", "a: b\n", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80",
                           "\xED\x9F\xBF", "\xEE\x80\x80", "\xF4\x8F\xBF\xBF", "a\tb\r\n"}) {
    EXPECT_TRUE(check(text).is_good) << text;
  }
}

TEST(TextCheck, RefusesWhatIsNotUtf8) {
  for (const char* text : {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC3", "\xC3(", "\xE0\x9F\xBF",
                           "\xE2\x82", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80",
                           "\xF5\x80\x80\x80", "\xFE", "\xFF", "\xF0\x9F\x98"}) {
    EXPECT_FALSE(check(text).is_good) << text;
  }
}

TEST(TextCheck, SaysWhere) {
  const Checked checked = check("a: \xC3\xA9\nb: \xFF\n");
  ASSERT_EQ(checked.diagnostics.size(), 1U);
  EXPECT_EQ(checked.diagnostics[0].line, 2);
  EXPECT_EQ(checked.diagnostics[0].column, 4);
}

TEST(TextCheck, RefusesControlCharacters) {
  EXPECT_FALSE(check(std::string("a\0b", 3)).is_good);
  EXPECT_FALSE(check("a\x04").is_good);  // yaml-cpp takes it for the end of the file
  EXPECT_FALSE(check("a\x7F").is_good);
  EXPECT_FALSE(check("\x1B[31m").is_good);
}

TEST(TextCheck, HasATokenBudget) {
  EXPECT_TRUE(check(std::string(kMaxTokens / 2, '[')).is_good);
  EXPECT_FALSE(check(std::string(kMaxTokens / 2 + 1, '[')).is_good);
}

TEST(TextCheck, CountsTokensWhereTheyCanBe) {
  EXPECT_EQ(estimate_tokens("10.0.0.1:80 a-b c:d"), 0U);
  EXPECT_GE(estimate_tokens("a: b\n"), 3U);
  EXPECT_GE(estimate_tokens("- a\n"), 2U);
  EXPECT_GE(estimate_tokens("{a: b, c: d}"), 8U);
}

}  // namespace
}  // namespace sluice::config
