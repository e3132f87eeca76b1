#include "lbstat/table.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "lbstat/format.h"

namespace sluice::lbstat {
namespace {

std::vector<Column> columns(const std::string& name = "app1") {
  return {{"server", "", Align::kLeft, kNeverDropped, "", 8, {{name}, {"app2"}}},
          {"current", "cur", Align::kRight, 50, "", 0, {{"1"}, {"200"}}},
          {"queue", "", Align::kRight, 60, "0", 0, {{"0"}, {"0"}}},
          {"errors", "err", Align::kRight, 40, "0", 0, {{"7"}, {"0"}}}};
}

TEST(Table, WholeWhereItFits) {
  EXPECT_EQ(render_table(columns(), {100, Colour::kOff, Cut::kShorten}),
            "server  current  queue  errors\n"
            "app1          1      0       7\n"
            "app2        200      0       0\n");
}

TEST(Table, BecomesNarrowerStepByStep) {
  const auto at = [](std::size_t width) {
    return render_table(columns(), {width, Colour::kOff, Cut::kShorten});
  };
  EXPECT_EQ(at(29),
            "server  cur  queue  err\n"
            "app1      1      0    7\n"
            "app2    200      0    0\n");
  EXPECT_EQ(at(22),
            "server  cur  err\n"
            "app1      1    7\n"
            "app2    200    0\n");
  EXPECT_EQ(at(15),
            "server cur err\n"
            "app1     1   7\n"
            "app2   200   0\n");
  EXPECT_EQ(at(13),
            "server cur\n"
            "app1     1\n"
            "app2   200\n");
  EXPECT_EQ(at(1),
            "server\n"
            "app1\n"
            "app2\n");
}

TEST(Table, LongNamesAreCutToAComfortableWidthBeforeColumnsGo) {
  EXPECT_EQ(render_table(columns("application-server-1"), {20, Colour::kOff, Cut::kShorten}),
            "server       cur err\n"
            "applic\u2026ver-1   1   7\n"
            "app2         200   0\n");
  EXPECT_EQ(render_table(columns("application-server-1"), {15, Colour::kOff, Cut::kShorten}),
            "server      cur\n"
            "appli\u2026ver-1   1\n"
            "app2        200\n");
}

/// A reader that is a program gets every name whole, and as many columns as if it had been cut.
TEST(Table, NothingIsCutForAProgram) {
  EXPECT_EQ(render_table(columns("application-server-1"), {20, Colour::kOff, Cut::kWhole}),
            "server               cur err\n"
            "application-server-1   1   7\n"
            "app2                 200   0\n");
}

TEST(Table, ADullColumnIsKeptOnceACellSaysSomething) {
  auto lively = columns();
  lively[2].cells[1].text = "3";
  EXPECT_EQ(render_table(lively, {23, Colour::kOff, Cut::kShorten}),
            "server  cur  queue  err\n"
            "app1      1      0    7\n"
            "app2    200      3    0\n");
}

TEST(Table, ColourDoesNotCountAsWidth) {
  auto painted = columns();
  painted[0].cells[0].tone = Tone::kGood;
  painted[3].cells[0].tone = Tone::kBad;
  EXPECT_EQ(render_table(painted, {16, Colour::kOn, Cut::kShorten}),
            "\x1b[1mserver\x1b[0m  \x1b[1mcur\x1b[0m  \x1b[1merr\x1b[0m\n"
            "\x1b[32mapp1\x1b[0m      1    \x1b[31m7\x1b[0m\n"
            "app2    200    0\n");
}

TEST(Table, WithoutRowsThereAreStillHeadings) {
  EXPECT_EQ(render_table({{"server"}, {"state"}}, {}), "server  state\n");
  EXPECT_EQ(render_table({}, {}), "\n");
}

TEST(Table, NoLineIsWiderThanTheLayoutWhileColumnsCanGo) {
  for (std::size_t width = 6; width < 60; ++width) {
    const std::string text =
        render_table(columns("a-very-long-name-of-a-server"), {width, Colour::kOff, Cut::kShorten});
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = text.find('\n', begin)) != std::string::npos;
         begin = end + 1) {
      EXPECT_LE(display_width(text.substr(begin, end - begin)), width) << text;
    }
  }
}

}  // namespace
}  // namespace sluice::lbstat
