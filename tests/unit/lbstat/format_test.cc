#include "lbstat/format.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>

namespace sluice::lbstat {
namespace {

TEST(Format, Bytes) {
  EXPECT_EQ(format_bytes(0), "0");
  EXPECT_EQ(format_bytes(1023), "1023");
  EXPECT_EQ(format_bytes(1024), "1.0K");
  EXPECT_EQ(format_bytes(1'234'567), "1.2M");
  EXPECT_EQ(format_bytes(98'765'432'109), "92G");
  EXPECT_EQ(format_bytes(std::numeric_limits<std::uint64_t>::max()), "16E");
}

TEST(Format, RoundingCarries) {
  EXPECT_EQ(format_bytes(1024 * 1024 - 1), "1.0M");
  EXPECT_EQ(format_bytes(10 * 1024 - 52), "9.9K");
  EXPECT_EQ(format_bytes(10 * 1024 - 1), "10K");
  EXPECT_EQ(format_count(999'999), "1.0M");
}

TEST(Format, BytesTakeAtMostFourColumns) {
  for (std::uint64_t value = 1; value < (std::uint64_t{1} << 62U); value = value * 3 + 1) {
    EXPECT_LE(format_bytes(value).size(), 4U) << value;
  }
}

TEST(Format, CountsAreExactWhileTheyFit) {
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(99'999), "99999");
  EXPECT_EQ(format_count(100'000), "100k");
  EXPECT_EQ(format_count(1'234'567), "1.2M");
}

TEST(Format, Rates) {
  EXPECT_EQ(format_rate(0), "0");
  EXPECT_EQ(format_rate(0.04), "0");
  EXPECT_EQ(format_rate(0.4), "0.4");
  EXPECT_EQ(format_rate(9.96), "10");
  EXPECT_EQ(format_rate(812), "812");
  EXPECT_EQ(format_rate(1234), "1.2k");
  EXPECT_EQ(format_rate(-1), "0");
  EXPECT_EQ(format_rate(std::numeric_limits<double>::quiet_NaN()), "0");
  EXPECT_EQ(format_byte_rate(0), "0");
  EXPECT_EQ(format_byte_rate(517.4), "517");
  EXPECT_EQ(format_byte_rate(734'003'200), "700M");
  EXPECT_EQ(format_byte_rate(std::numeric_limits<double>::quiet_NaN()), "0");
}

TEST(Format, Durations) {
  EXPECT_EQ(format_duration(0), "0s");
  EXPECT_EQ(format_duration(0.25), "250ms");
  EXPECT_EQ(format_duration(0.9999), "0s") << "never 1000ms";
  EXPECT_EQ(format_duration(12.9), "12s");
  EXPECT_EQ(format_duration(312), "5m12s");
  EXPECT_EQ(format_duration(3'723), "1h02m");
  EXPECT_EQ(format_duration(2 * 86'400 + 3 * 3'600), "2d03h");
  EXPECT_EQ(format_duration(-5), "0s");
}

TEST(Format, NothingReachesTheTerminalAsACommand) {
  EXPECT_EQ(printable("a\x1b[2Jb\nc\x7f"), "a?[2Jb?c?");
  EXPECT_EQ(printable("gr\u00fcn"), "gr\u00fcn");
}

TEST(Format, NamesAreShortenedInTheMiddle) {
  EXPECT_EQ(shorten("application-17", 14), "application-17");
  EXPECT_EQ(shorten("application-17", 9), "appl\u2026n-17");
  EXPECT_EQ(shorten("application-17", 2), "a\u2026");
  EXPECT_EQ(shorten("application-17", 1), "\u2026");
  EXPECT_EQ(shorten("application-17", 0), "");
  EXPECT_EQ(shorten("\u00e4\u00f6\u00fc\u00e4\u00f6\u00fc", 5), "\u00e4\u00f6\u2026\u00f6\u00fc");
  for (std::size_t width = 0; width < 20; ++width) {
    EXPECT_LE(display_width(shorten("\u00e4pplication-17", width)), width);
  }
}

TEST(Format, LongLinesAreWrapped) {
  EXPECT_EQ(wrap("one two three", 20), "one two three\n");
  EXPECT_EQ(wrap("one two three", 8), "one two\n  three\n");
  EXPECT_EQ(wrap("unbreakable two", 5), "unbreakable\n  two\n");
  EXPECT_EQ(wrap("", 5), "\n");
}

TEST(Format, Plural) {
  EXPECT_EQ(plural(0, "session"), "0 sessions");
  EXPECT_EQ(plural(1, "session"), "1 session");
  EXPECT_EQ(plural(120'000, "session"), "120k sessions");
}

}  // namespace
}  // namespace sluice::lbstat
