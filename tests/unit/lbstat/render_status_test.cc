#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "fake_source.h"
#include "layouts.h"
#include "lbstat/format.h"
#include "lbstat/render.h"

namespace sluice::lbstat {
namespace {

using testing::HasSubstr;
using testing::Not;

Status status() {
  return daemon::FakeSource().status();
}

TEST(RenderStatus, Whole) {
  EXPECT_EQ(
      render(status(), {}, kPipe),
      "sluice 0.1.0, pid 4711, up 1d02h, 2 workers\n"
      "generation 8 (3 sessions, 1m00s), still alive: 7 (1 session, 2h00m)\n"
      "4 sessions (240k in all), 812/s; in 1.1M/s (2.4M in all), out 700M/s (184G in all)\n"
      "workers: 2 sessions each, 0 promotions to splice\n"
      "7 reloads; last: generation 8: +1 server, ~2 servers, -1 frontend, 0 sessions closed\n"
      "\n"
      "frontend  protocol  listen       backend  state  cur  max  total    in  out  ref  err\n"
      "web       tcp       0.0.0.0:443  shop     OPEN     2  340   120k  1.2M  92G    3   17\n"
      "mail      tcp       [::]:25      post     OPEN     2  340   120k  1.2M  92G    3   17\n"
      "\n"
      "backend  policy       state   up  standby  cur  max  total    in  out  err  retry  queue\n"
      "shop     round_robin  UP     3/3  -          2  340   120k  1.2M  92G    4      4      0\n"
      "post     round_robin  UP     1/1  -          2  340   120k  1.2M  92G    4      4      0\n");
}

TEST(RenderStatus, RightAfterTheStart) {
  Status fresh;
  fresh.version = "0.1.0";
  fresh.generation = 1;
  fresh.generations = {{1, 0, 0.5}};
  EXPECT_EQ(render(fresh, {}, kPipe),
            "sluice 0.1.0, pid 0, up 0s, 0 workers\n"
            "generation 1 (0 sessions, 500ms)\n"
            "0 sessions (0 in all), 0/s; in 0/s (0 in all), out 0/s (0 in all)\n"
            "\n"
            "no frontends\n"
            "\n"
            "no backends\n");
}

TEST(RenderStatus, ManyGenerationsAreSummedUp) {
  Status old = status();
  for (std::uint64_t generation = 6; generation > 0; --generation) {
    old.generations.push_back({generation, 2, 10'000});
  }
  EXPECT_THAT(
      render(old, {}, kPipe),
      HasSubstr("5 (2\n  sessions, 2h46m), 4 (2 sessions, 2h46m), 3 (2 sessions, 2h46m) and 2 "
                "more\n"));
}

TEST(RenderStatus, WhatIsWrongIsSaid) {
  Status bad = status();
  bad.stopping = "SIGTERM, 12 s left";
  bad.reloads_refused = 2;
  bad.workers[0].accept_pauses = 3;
  bad.workers[1].accept_pauses = 1;
  bad.workers[1].sessions = 9;
  bad.features = {"io_uring send_zc: kernel 6.1 has it", "kTLS TX: no tls module"};
  const std::string text = render(bad, {}, kPipe);
  EXPECT_THAT(text, HasSubstr("\nstopping: SIGTERM, 12 s left\n"));
  EXPECT_THAT(text, HasSubstr("\n7 reloads, 2 refused; last: "));
  EXPECT_THAT(text, HasSubstr("\nworkers: 2 to 9 sessions each"));
  EXPECT_THAT(text, HasSubstr("\nshortages: descriptors 4, buffers 0, pipes 0, log lines 0\n"));
  EXPECT_THAT(text, HasSubstr("\nworks without: io_uring send_zc, kTLS TX (`sluice --version` says "
                              "why)\n"));
}

TEST(RenderStatus, NoLineIsWiderThanTheTerminal) {
  Status long_one = status();
  long_one.last_reload =
      "refused: sluice.yaml:3:1: error: workres: unknown key, did you mean "
      "\"workers\"? and much more that goes on and on";
  for (const std::size_t width : {70U, 80U, 100U}) {
    std::istringstream lines(render(long_one, {}, {width, Colour::kOff, Cut::kShorten}));
    for (std::string line; std::getline(lines, line);) {
      EXPECT_LE(display_width(line), width) << line;
    }
  }
}

TEST(RenderStatus, Rates) {
  StatusRates rates;
  rates.frontends.assign(2, Rates{7, 0, 0});
  rates.backends.assign(2, Rates{9, 0, 0});
  const std::string text = render(status(), rates, kPipe);
  EXPECT_THAT(text, HasSubstr("120k  7.0 "));
  EXPECT_THAT(text, HasSubstr("120k  9.0 "));
}

TEST(RenderStatus, PlainWithoutColour) {
  EXPECT_THAT(render(status(), {}, kPipe), Not(HasSubstr("\x1b")));
  EXPECT_THAT(render(status(), {}, {100, Colour::kOn, Cut::kShorten}), HasSubstr("\x1b[32mOPEN"));
}

}  // namespace
}  // namespace sluice::lbstat
