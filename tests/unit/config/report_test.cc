#include "config/report.h"

#include <gtest/gtest.h>

#include <string>

#include "config/bounds.h"

namespace sluice::config {
namespace {

TEST(SourceText, CountsLinesAndCharacters) {
  const SourceText source(
      "a\n\xC3\xA9\xE2\x82\xAC"
      "b\r\n\nend");
  const auto at = [&](Offset offset) {
    const SourcePosition position = source.position(offset);
    return std::pair(position.line, position.column);
  };
  EXPECT_EQ(at(0), std::pair(1, 1));
  EXPECT_EQ(at(1), std::pair(1, 2));  // the line's end belongs to the line
  EXPECT_EQ(at(2), std::pair(2, 1));
  EXPECT_EQ(at(4), std::pair(2, 2));
  EXPECT_EQ(at(7), std::pair(2, 3));
  EXPECT_EQ(at(10), std::pair(3, 1));
  EXPECT_EQ(at(11), std::pair(4, 1));
  EXPECT_EQ(at(2), std::pair(2, 1));  // backwards, after a later place was asked for
  EXPECT_EQ(at(1000), std::pair(4, 4));
}

TEST(SourceText, DropsTheByteOrderMark) {
  const SourceText source(
      "\xEF\xBB\xBF"
      "a: b");
  EXPECT_EQ(source.text(), "a: b");
}

TEST(SourceText, GivesTheLine) {
  const SourceText source("a\nbc\nd");
  EXPECT_EQ(source.line_at(3), "bc");
  EXPECT_EQ(source.line_at(5), "d");
  EXPECT_EQ(source.line_start(4), 2U);
}

TEST(Report, SortsByPlaceAndKeepsTheOrderThere) {
  const SourceText source("a\nb\n");
  Report report("f.yaml", source);
  report.error(2, "b", "second");
  report.notice(0, "a", "first");
  report.error(2, "b", "third");
  const Diagnostics out = report.take();
  ASSERT_EQ(out.size(), 3U);
  EXPECT_EQ(out[0].to_string(), "f.yaml:1:1: notice: a: first");
  EXPECT_EQ(out[1].to_string(), "f.yaml:2:1: error: b: second");
  EXPECT_EQ(out[2].to_string(), "f.yaml:2:1: error: b: third");
}

TEST(Report, SaysTheSameOnce) {
  const SourceText source("a\n");
  Report report("f", source);
  for (int i = 0; i < 3; ++i) report.error(0, "a", "text");
  EXPECT_EQ(report.take().size(), 1U);
}

TEST(Report, TellsErrorsFromNotices) {
  const SourceText source("a\n");
  Report report("f", source);
  report.notice(0, "a", "text");
  EXPECT_FALSE(report.has_errors());
  report.error(0, "a", "text");
  EXPECT_TRUE(report.has_errors());
}

TEST(Report, IsBounded) {
  const SourceText source("a\n");
  Report report("f", source);
  for (std::size_t i = 0; i < kMaxDiagnostics + 5; ++i) report.error(0, "a", std::to_string(i));
  const Diagnostics out = report.take();
  ASSERT_EQ(out.size(), kMaxDiagnostics + 1);
  EXPECT_EQ(out.back().text, "5 further remarks are not shown");
  EXPECT_EQ(out.back().severity, Severity::kError);
}

TEST(Quote, KeepsToOneLine) {
  EXPECT_EQ(quote("a\nb\x1B"), "`a\\x0ab\\x1b`");
}

TEST(Quote, CutsBetweenCharacters) {
  std::string text(59, 'a');
  text += "\xC3\xA9\xC3\xA9";
  EXPECT_EQ(quote(text), "`" + std::string(59, 'a') + "...`");
}

}  // namespace
}  // namespace sluice::config
