#include "stats/encode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace sluice::stats {
namespace {

using testing::HasSubstr;

ServerRow make_server() {
  ServerRow row;
  row.frontend = "web";
  row.backend = "shop";
  row.server = "app1";
  row.address = "10.0.0.11:8080";
  row.state = "UP 2/3";
  row.check = "ok 0.4ms";
  row.weight = 1;
  row.mode = "plain";
  row.current = 2;
  row.max = 3;
  row.total = 4;
  row.bytes_in = 5;
  row.bytes_out = 18446744073709551615U;
  row.errors = 6;
  row.retries = 7;
  row.queue = 8;
  row.last_change = 1.5;
  return row;
}

/// The contract's columns of `servers`, in its order.
TEST(Encode, ServerHasTheColumnsOfTheContract) {
  EXPECT_EQ(encode(std::vector<ServerRow>{make_server()}),
            R"([{"frontend":"web","backend":"shop","server":"app1","address":"10.0.0.11:8080",)"
            R"("state":"UP 2/3","check":"ok 0.4ms","weight":1,"mode":"plain","current":2,"max":3,)"
            R"("total":4,"bytes_in":5,"bytes_out":18446744073709551615,"errors":6,"retries":7,)"
            R"("queue":8,"last_change":1.5}])");
}

TEST(Encode, NoRowsAreAnEmptyArray) {
  EXPECT_EQ(encode(std::vector<SessionRow>{}), "[]");
}

TEST(Encode, FrontendAndBackendKeys) {
  FrontendRow frontend;
  frontend.listen = {"0.0.0.0:443", "[::]:443"};
  EXPECT_EQ(encode(std::vector{frontend}),
            R"([{"name":"","protocol":"","listen":["0.0.0.0:443","[::]:443"],"backend":"",)"
            R"("state":"","current":0,"max":0,"total":0,"bytes_in":0,"bytes_out":0,"refused":0,)"
            R"("errors":0}])");
  EXPECT_EQ(encode(std::vector{BackendRow{}}),
            R"([{"name":"","policy":"","state":"","servers":0,"servers_up":0,)"
            R"("standby_active":false,"current":0,"max":0,"total":0,"bytes_in":0,"bytes_out":0,)"
            R"("errors":0,"retries":0,"queue":0,"persistence_clients":0,)"
            R"("persistence_evictions":0}])");
}

TEST(Encode, SessionAndReasonKeys) {
  EXPECT_EQ(encode(std::vector{SessionRow{}}),
            R"([{"id":0,"frontend":"","backend":"","server":"","client":"","address":"","age":0.0,)"
            R"("idle":0.0,"bytes_in":0,"bytes_out":0,"state":"","relay":"","relay_in":"",)"
            R"("relay_out":"","tls":"","tls_in":"","tls_out":"","generation":0,"worker":0}])");
  EXPECT_EQ(encode(std::vector{ReasonRow{"client_closed", "client", 7}}),
            R"([{"reason":"client_closed","side":"client","total":7}])");
}

Status make_status() {
  Status status;
  status.version = "0.1.0";
  status.pid = 42;
  status.generation = 8;
  status.generations = {{8, 3, 1.25}, {7, 1, 90.0}};
  status.uptime = 123.5;
  status.stopping = "SIGTERM";
  status.sessions = 4;
  status.sessions_total = 1000;
  status.bytes_in = 10;
  status.bytes_out = 20;
  status.session_rate = 2.5;
  status.bytes_in_rate = 100.0;
  status.bytes_out_rate = 200.0;
  status.reloads = 7;
  status.reloads_refused = 1;
  status.last_reload = "generation 8: +1 server";
  status.features = {"ktls: off: no tls module"};
  status.workers.push_back({1,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17,
                            18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32});
  status.frontends.push_back({"web", "tcp", {"0.0.0.0:443"}, "shop", "OPEN", 1, 2, 3, 4, 5, 6, 7});
  status.backends.push_back(
      {"shop", "round_robin", "UP", 3, 2, true, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13});
  return status;
}

/// Equal text after a round trip means that every field survived: make_status() sets each one to
/// something that is not its default.
TEST(Encode, StatusSurvivesTheRoundTrip) {
  const std::string text = encode(make_status());
  const auto back = decode<Status>(text);
  ASSERT_TRUE(back) << back.error().text;
  EXPECT_EQ(encode(*back), text);
  EXPECT_EQ(back->generations.at(1).generation, 7U);
  EXPECT_EQ(back->workers.at(0).cpu, 3);
  EXPECT_EQ(back->workers.at(0).log_drops, 23U);
  EXPECT_EQ(back->frontends.at(0).listen, std::vector<std::string>{"0.0.0.0:443"});
  EXPECT_TRUE(back->backends.at(0).standby_active);
  EXPECT_DOUBLE_EQ(back->uptime, 123.5);
  EXPECT_THAT(text, testing::Not(HasSubstr(":0,")));
}

TEST(Encode, ServersSurviveTheRoundTrip) {
  const std::string text = encode(std::vector{make_server(), ServerRow{}});
  const auto back = decode<std::vector<ServerRow>>(text);
  ASSERT_TRUE(back) << back.error().text;
  EXPECT_EQ(encode(*back), text);
  EXPECT_EQ(back->at(0).bytes_out, 18446744073709551615U);
}

TEST(Encode, OutcomesSurviveTheRoundTrip) {
  const ReloadOutcome outcome{true, 8, "generation 8: +1 server", {"a.yaml:1:2: notice: x: y"}};
  const auto back = decode<ReloadOutcome>(encode(outcome));
  ASSERT_TRUE(back);
  EXPECT_TRUE(back->accepted);
  EXPECT_EQ(back->generation, 8U);
  EXPECT_EQ(back->summary, outcome.summary);
  EXPECT_EQ(back->diagnostics, outcome.diagnostics);
  EXPECT_EQ(decode<KillOutcome>(encode(KillOutcome{3}))->killed, 3U);
  EXPECT_EQ(decode<Refusal>(encode(Refusal{"no"}))->error, "no");
  EXPECT_EQ(encode(Health{true, "ok"}), R"({"healthy":true,"reason":"ok"})");
}

TEST(Encode, BytesThatAreNotUtf8AreReplaced) {
  EXPECT_EQ(encode(Refusal{"a\xff"
                           "b"}),
            "{\"error\":\"a\xef\xbf\xbd"
            "b\"}");
}

TEST(Encode, ControlCharactersAndQuotesAreEscaped) {
  EXPECT_EQ(encode(Refusal{"say \"no\"\n\x01"}), R"({"error":"say \"no\"\n\u0001"})");
}

TEST(Encode, NumbersThatAreNotFiniteAreNullAndReadAsTheDefault) {
  Status status;
  status.uptime = std::numeric_limits<double>::quiet_NaN();
  status.session_rate = std::numeric_limits<double>::infinity();
  const std::string text = encode(status);
  EXPECT_THAT(text, HasSubstr(R"("uptime":null)"));
  EXPECT_THAT(text, HasSubstr(R"("session_rate":null)"));
  const auto back = decode<Status>(text);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->uptime, 0);
}

TEST(Decode, MissingKeysKeepTheirDefaultsAndUnknownOnesAreIgnored) {
  const auto row = decode<std::vector<ReasonRow>>(R"([{"total":3,"from_the_future":{"x":[1]}}])");
  ASSERT_TRUE(row) << row.error().text;
  EXPECT_EQ(row->at(0).total, 3U);
  EXPECT_EQ(row->at(0).reason, "");
}

TEST(Decode, AnIntegerWillDoForAFraction) {
  EXPECT_EQ(decode<Status>(R"({"uptime":5})")->uptime, 5);
}

struct Mismatch {
  const char* text;
  const char* error;
};

class DecodeMismatch : public testing::TestWithParam<Mismatch> {};

TEST_P(DecodeMismatch, NamesTheKey) {
  const auto status = decode<Status>(GetParam().text);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().text, GetParam().error);
}

INSTANTIATE_TEST_SUITE_P(
    All, DecodeMismatch,
    testing::Values(
        Mismatch{"", "the answer is not JSON"}, Mismatch{"{", "the answer is not JSON"},
        Mismatch{"[]", "the answer: expected an object"},
        Mismatch{R"({"pid":"1"})", "pid: expected an integer in range"},
        Mismatch{R"({"pid":-1})", "pid: expected an integer in range"},
        Mismatch{R"({"pid":1.5})", "pid: expected an integer in range"},
        Mismatch{R"({"version":1})", "version: expected a string"},
        Mismatch{R"({"uptime":"1"})", "uptime: expected a number"},
        Mismatch{R"({"workers":{}})", "workers: expected an array"},
        Mismatch{R"({"workers":[1]})", "workers: expected an object"},
        Mismatch{R"({"workers":[{"worker":4294967296}]})", "worker: expected an integer in range"},
        Mismatch{R"({"features":[1]})", "features: expected a string"},
        Mismatch{R"({"backends":[{"standby_active":1}]})", "standby_active: expected a boolean"}));

}  // namespace
}  // namespace sluice::stats
