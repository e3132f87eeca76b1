#include "lbstat/render.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "fake_source.h"
#include "layouts.h"

namespace sluice::lbstat {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr Layout kWide{200, Colour::kOff, Cut::kShorten};

std::vector<ServerRow> servers() {
  return daemon::FakeSource().servers("");
}

TEST(RenderServers, AtAHundredColumns) {
  EXPECT_EQ(
      render(servers(), {}, kPipe),
      "frontend backend server address        state    check              mode  cur total   in out "
      "since\n"
      "web      shop    app1   10.0.0.11:8080 UP       ok 0.4ms           plain   1 60009 603K 46G "
      "1h02m\n"
      "web      shop    app2   10.0.0.11:8080 DOWN 1/2 connection refused plain   1 60009 603K 46G "
      "1h02m\n"
      "web      shop    spare  10.0.0.11:8080 STANDBY  ok 0.4ms           plain   1 60009 603K 46G "
      "1h02m\n"
      "mail     post    mx1    10.0.0.11:8080 UP       ok 0.4ms           plain   1 60009 603K 46G "
      "1h02m\n");
}

/// With room enough the headings are the contract's columns, all of them, in its order.
TEST(RenderServers, AllColumnsOfTheContractWhereTheyFit) {
  const std::string text = render(servers(), {}, kWide);
  EXPECT_EQ(
      text.substr(0, text.find('\n')),
      "frontend  backend  server  address         state     check               weight  mode  "
      " current  max  total  bytes_in  bytes_out  errors  retries  queue  last_change");
}

TEST(RenderServers, FailuresBringTheirColumnBack) {
  auto rows = servers();
  EXPECT_THAT(render(rows, {}, kPipe), Not(HasSubstr(" err")));
  rows[1].errors = 3;
  EXPECT_THAT(render(rows, {}, kPipe), HasSubstr(" err"));
}

TEST(RenderServers, Rates) {
  const std::vector<Rates> rates(4, Rates{12.25, 2048, 3 * 1024 * 1024});
  const std::string text = render(servers(), rates, kPipe);
  EXPECT_THAT(text, HasSubstr(" total /s in/s out/s since\n"));
  EXPECT_THAT(text, HasSubstr(" 60009 12 2.0K  3.0M "));
  EXPECT_THAT(text, Not(HasSubstr("603K")));
}

TEST(RenderServers, Colours) {
  const std::string text = render(servers(), {}, {200, Colour::kOn, Cut::kShorten});
  EXPECT_THAT(text, HasSubstr("\x1b[32mUP\x1b[0m "));
  EXPECT_THAT(text, HasSubstr("\x1b[31mDOWN 1/2\x1b[0m"));
  EXPECT_THAT(text, HasSubstr(" STANDBY "));
}

TEST(RenderServers, NamesCannotCommandTheTerminal) {
  auto rows = servers();
  rows[0].server = "a\x1b[2J";
  rows[0].state = "UP\x1b[0m";
  EXPECT_THAT(render(rows, {}, kPipe), Not(HasSubstr("\x1b")));
}

TEST(RenderFrontends, AtAHundredColumns) {
  EXPECT_EQ(
      render(daemon::FakeSource().frontends(), {}, kPipe),
      "frontend  protocol  listen       backend  state  cur  max  total    in  out  ref  err\n"
      "web       tcp       0.0.0.0:443  shop     OPEN     2  340   120k  1.2M  92G    3   17\n"
      "mail      tcp       [::]:25      post     OPEN     2  340   120k  1.2M  92G    3   17\n");
}

TEST(RenderBackends, AtAHundredColumns) {
  auto rows = daemon::FakeSource().backends();
  rows[0].servers_up = 1;
  rows[0].standby_active = true;
  EXPECT_EQ(
      render(rows, {}, kPipe),
      "backend  policy       state   up  standby  cur  max  total    in  out  err  retry  queue\n"
      "shop     round_robin  UP     1/3  active     2  340   120k  1.2M  92G    4      4      0\n"
      "post     round_robin  UP     1/1  -          2  340   120k  1.2M  92G    4      4      0\n");
}

TEST(RenderSessions, AtAHundredColumns) {
  auto rows = daemon::FakeSource().sessions_;
  rows.resize(2);
  rows[0].relay_in = "splice";
  EXPECT_EQ(
      render(rows, {}, kPipe),
      "id client          frontend backend server address        state    age  idle  in out relay\n"
      "11 192.0.2.7:51234 web      shop    app1   10.0.0.11:8080 relaying 12s 250ms 517 70M "
      "splice\n"
      "12 192.0.2.7:51234 web      shop    app2   10.0.0.11:8080 relaying 12s 250ms 517 70M "
      "copy/splice\n");
}

TEST(RenderSessions, TlsIsShownWhereThereIsAny) {
  auto rows = daemon::FakeSource().sessions_;
  rows[0].tls = "ktls";
  EXPECT_THAT(render(rows, {}, kPipe), HasSubstr(" tls\n"));
  EXPECT_THAT(render(rows, {}, kPipe), HasSubstr(" ktls\n"));
}

TEST(RenderReasons, WithAndWithoutRates) {
  const auto rows = daemon::FakeSource().reasons();
  EXPECT_EQ(render(rows, {}, kPipe),
            "reason          side    total\n"
            "client_closed   client   110k\n"
            "connect_failed  server     17\n");
  EXPECT_EQ(render(rows, {{2.5, 0, 0}, {0, 0, 0}}, kPipe),
            "reason          side    total  total/s\n"
            "client_closed   client   110k      2.5\n"
            "connect_failed  server     17        0\n");
}

TEST(Render, WithoutRowsItSaysSo) {
  EXPECT_EQ(render(std::vector<FrontendRow>{}, {}, kPipe), "no frontends\n");
  EXPECT_EQ(render(std::vector<BackendRow>{}, {}, kPipe), "no backends\n");
  EXPECT_EQ(render(std::vector<ServerRow>{}, {}, kPipe), "no servers\n");
  EXPECT_EQ(render(std::vector<SessionRow>{}, {}, kPipe), "no sessions\n");
  EXPECT_EQ(render(std::vector<ReasonRow>{}, {}, kPipe), "no session has ended yet\n");
}

}  // namespace
}  // namespace sluice::lbstat
