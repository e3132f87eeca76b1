#include "lbstat/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <initializer_list>
#include <string>
#include <vector>

namespace sluice::lbstat {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

struct Heard {
  Parsed parsed;
  std::string out;
  std::string err;
};

Heard parse(std::initializer_list<const char*> words) {
  std::vector<const char*> all{"lbstat"};
  all.insert(all.end(), words);
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Parsed parsed = parse_command_line(static_cast<int>(all.size()), all.data());
  return {parsed, testing::internal::GetCapturedStdout(), testing::internal::GetCapturedStderr()};
}

Options good(std::initializer_list<const char*> words) {
  const Heard heard = parse(words);
  EXPECT_TRUE(heard.parsed.options) << heard.err;
  return heard.parsed.options.value_or(Options{});
}

TEST(CommandLine, StatusIsTheDefault) {
  const Options options = good({});
  EXPECT_EQ(options.command, Command::kStatus);
  EXPECT_FALSE(options.socket);
  EXPECT_FALSE(options.json);
  EXPECT_FALSE(options.watch);
  EXPECT_EQ(good({"status"}).command, Command::kStatus);
}

TEST(CommandLine, OptionsStandAnywhere) {
  for (const auto& options :
       {good({"--socket", "/x", "--json", "servers"}), good({"servers", "--json", "--socket=/x"}),
        good({"--json", "servers", "--socket", "/x"})}) {
    EXPECT_EQ(options.socket, "/x");
    EXPECT_TRUE(options.json);
    EXPECT_EQ(options.command, Command::kServers);
  }
}

TEST(CommandLine, WatchTakesSecondsOrNothing) {
  EXPECT_EQ(good({"--watch"}).watch, 1s);
  EXPECT_EQ(good({"--watch", "2"}).watch, 2s);
  EXPECT_EQ(good({"--watch", "0.25", "servers"}).watch, 250ms);
  const Options options = good({"--watch", "servers", "shop"});
  EXPECT_EQ(options.watch, 1s);
  EXPECT_EQ(options.command, Command::kServers);
  EXPECT_EQ(options.backend, "shop");
  EXPECT_EQ(good({"servers", "--watch"}).watch, 1s);
}

TEST(CommandLine, Filters) {
  EXPECT_EQ(good({"servers", "shop"}).backend, "shop");
  const Options options = good({"sessions", "--backend", "shop", "--server", "a", "--limit", "5"});
  EXPECT_EQ(options.command, Command::kSessions);
  EXPECT_EQ(options.backend, "shop");
  EXPECT_EQ(options.server, "a");
  EXPECT_EQ(options.limit, 5U);
}

TEST(CommandLine, Actions) {
  EXPECT_EQ(good({"reload"}).command, Command::kReload);
  EXPECT_EQ(good({"kill", "18446744073709551615"}).session, 18446744073709551615U);
  EXPECT_EQ(good({"kill", "--server", "shop/a"}).server, "shop/a");
  const Options drain = good({"server", "shop/a", "drain", "--timeout", "30s", "--wait"});
  EXPECT_EQ(drain.command, Command::kServer);
  EXPECT_EQ(drain.server, "shop/a");
  EXPECT_EQ(drain.action, "drain");
  EXPECT_EQ(drain.argument, "30s");
  EXPECT_TRUE(drain.wait);
  const Options weight = good({"server", "shop/a", "weight", "5"});
  EXPECT_EQ(weight.action, "weight");
  EXPECT_EQ(weight.argument, "5");
  EXPECT_EQ(good({"server", "shop/a", "ready"}).action, "ready");
  EXPECT_EQ(good({"server", "shop/a", "maintenance"}).action, "maintenance");
}

TEST(CommandLine, HelpAndVersion) {
  for (const char* option : {"--help", "-h", "--version", "-V"}) {
    const Heard heard = parse({option});
    EXPECT_FALSE(heard.parsed.options);
    EXPECT_EQ(heard.parsed.exit_code, ExitCode::kDone) << option;
    EXPECT_NE(heard.out, "");
    EXPECT_EQ(heard.err, "");
  }
  EXPECT_THAT(parse({"--version"}).out, HasSubstr("lbstat 0."));
  for (const char* word : {"status", "servers", "sessions", "reload", "--watch", "--json"}) {
    EXPECT_THAT(parse({"--help"}).out, HasSubstr(word));
  }
}

TEST(CommandLine, WrongUsageIsOneLineAndStatusTwo) {
  const std::vector<std::vector<const char*>> wrong = {{"--no-such-option"},
                                                       {"no-such-command"},
                                                       {"servers", "a", "b"},
                                                       {"status", "x"},
                                                       {"--watch", "never"},
                                                       {"--watch", "0"},
                                                       {"--watch", "-1"},
                                                       {"--watch", "nan"},
                                                       {"--watch", "3601"},
                                                       {"--watch", "5s"},
                                                       {"--watch", "reload"},
                                                       {"--socket"},
                                                       {"sessions", "--limit", "0"},
                                                       {"sessions", "--limit", "100001"},
                                                       {"kill"},
                                                       {"kill", "x"},
                                                       {"kill", "-1"},
                                                       {"kill", "1", "--server", "a/b"},
                                                       {"kill", "--server", "a"},
                                                       {"server"},
                                                       {"server", "a/b"},
                                                       {"server", "ab", "ready"},
                                                       {"server", "/b", "ready"},
                                                       {"server", "a/b", "explode"},
                                                       {"server", "a/b", "weight"},
                                                       {"server", "a/b", "weight", "257"},
                                                       {"status", "reasons"}};
  for (const auto& words : wrong) {
    std::vector<const char*> all{"lbstat"};
    all.insert(all.end(), words.begin(), words.end());
    testing::internal::CaptureStderr();
    const Parsed parsed = parse_command_line(static_cast<int>(all.size()), all.data());
    const std::string err = testing::internal::GetCapturedStderr();
    EXPECT_FALSE(parsed.options) << words.front();
    EXPECT_EQ(parsed.exit_code, ExitCode::kUsage) << err;
    EXPECT_THAT(err, testing::MatchesRegex("lbstat: [^\n]*\\(lbstat --help shows how\\)\n"));
  }
}

}  // namespace
}  // namespace sluice::lbstat
