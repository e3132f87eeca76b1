#include "daemon/session_line.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace sluice::daemon {
namespace {

using namespace std::chrono_literals;

class SessionLineTest : public testing::Test {
 protected:
  SessionLineTest() {
    record.id = 1025;
    record.generation = 3;
    record.frontend = &frontend;
    record.backend = &backend;
    record.server = &server;
    record.client = *Endpoint::parse("192.0.2.7:40112");
    record.server_address = *Endpoint::parse("10.0.0.11:8080");
    record.began_at = std::chrono::system_clock::time_point(1770091445s + 789ms);
    record.connect_time = 400us;
    record.duration = 12'340ms;
    record.bytes_in = 512;
    record.bytes_out = 1048576;
    record.ending = {CloseReason::kClientClosed, Side::kClient};
    record.retries = 2;
    record.downstream_spliced = true;
  }

  proxy::FrontendState frontend{"web", 1};
  balance::BackendState backend{"shop", 1};
  balance::ServerState server{backend, "app1"};
  proxy::SessionRecord record;
};

TEST_F(SessionLineTest, TellsEverythingInOneLine) {
  EXPECT_EQ(session_text(record),
            "session frontend=web backend=shop server=app1 client=192.0.2.7:40112 "
            "address=10.0.0.11:8080 connect=0.40ms duration=12.34s bytes_in=512 bytes_out=1048576 "
            "relay=copy/splice retries=2 reason=client_closed side=client generation=3 id=1025");
}

TEST_F(SessionLineTest, MarksWhatWasNeverReached) {
  record.server = nullptr;
  record.server_address = {};
  record.ending = {CloseReason::kNoServer, Side::kUs};
  const std::string line = session_text(record);
  EXPECT_NE(line.find(" server=- "), std::string::npos) << line;
  EXPECT_NE(line.find(" address=- "), std::string::npos) << line;
  EXPECT_NE(line.find(" reason=no_server side=us "), std::string::npos) << line;
}

TEST_F(SessionLineTest, IsTheSameAsJsonWithTimesInSeconds) {
  const std::string line = session_json(record);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json["event"], "session");
  EXPECT_EQ(json["level"], "info");
  EXPECT_EQ(json["frontend"], "web");
  EXPECT_EQ(json["backend"], "shop");
  EXPECT_EQ(json["server"], "app1");
  EXPECT_EQ(json["client"], "192.0.2.7:40112");
  EXPECT_EQ(json["address"], "10.0.0.11:8080");
  EXPECT_EQ(json["began"], "2026-02-03T04:04:05.789Z");
  EXPECT_DOUBLE_EQ(json["connect"], 0.0004);
  EXPECT_DOUBLE_EQ(json["duration"], 12.34);
  EXPECT_EQ(json["bytes_in"], 512);
  EXPECT_EQ(json["bytes_out"], 1048576);
  EXPECT_EQ(json["relay_in"], "copy");
  EXPECT_EQ(json["relay_out"], "splice");
  EXPECT_EQ(json["retries"], 2);
  EXPECT_EQ(json["reason"], "client_closed");
  EXPECT_EQ(json["side"], "client");
  EXPECT_EQ(json["generation"], 3);
  EXPECT_EQ(json["id"], 1025);
}

TEST_F(SessionLineTest, TellsWhoMadeTheRecordsOfEachDirection) {
  EXPECT_EQ(session_text(record).find("gear="), std::string::npos);
  record.has_tls = true;
  record.upstream_gear = proxy::UserReason::kShortSession;
  EXPECT_NE(session_text(record).find(" gear=\"user (short session)/ktls\""), std::string::npos)
      << session_text(record);
  const auto json = nlohmann::json::parse(session_json(record));
  EXPECT_EQ(json["gear_in"], "user (short session)");
  EXPECT_EQ(json["gear_out"], "ktls");
}

TEST_F(SessionLineTest, TellsWhatWasAgreedOnInTls) {
  record.client_tls = {"TLSv1.3", "TLS_AES_128_GCM_SHA256"};
  record.server_name = "shop.test\" reason=forged\n";  // a client may ask for anything
  record.problem = "server app2: certificate has expired";
  const std::string line = session_text(record);
  EXPECT_NE(line.find(" tls=TLSv1.3 cipher=TLS_AES_128_GCM_SHA256 sni=shop.test??reason?forged? "
                      "problem=\"server app2: certificate has expired\""),
            std::string::npos)
      << line;
  EXPECT_EQ(line.find("server_tls"), std::string::npos) << line;
  const auto json = nlohmann::json::parse(session_json(record));
  EXPECT_EQ(json["tls"]["version"], "TLSv1.3");
  EXPECT_EQ(json["tls"]["cipher"], "TLS_AES_128_GCM_SHA256");
  EXPECT_EQ(json["sni"], "shop.test??reason?forged?");
  EXPECT_FALSE(json.contains("server_tls"));
}

TEST_F(SessionLineTest, JsonSurvivesNamesThatAreNoUtf8) {
  const proxy::FrontendState strange("w\xff\"b", 1);
  record.frontend = &strange;
  EXPECT_TRUE(nlohmann::json::accept(session_json(record)));
}

TEST(ShortDuration, GivesTheUnitWithTheSize) {
  EXPECT_EQ(short_duration(0ns), "0.00ms");
  EXPECT_EQ(short_duration(1234us), "1.23ms");
  EXPECT_EQ(short_duration(9'990us), "9.99ms");
  EXPECT_EQ(short_duration(10ms), "10ms");
  EXPECT_EQ(short_duration(512ms), "512ms");
  EXPECT_EQ(short_duration(1s), "1.00s");
  EXPECT_EQ(short_duration(12'340ms), "12.34s");
  EXPECT_EQ(short_duration(100s), "100s");
  EXPECT_EQ(short_duration(36h), "129600s");
}

TEST(Timestamp, IsUtcWithMilliseconds) {
  using TimePoint = std::chrono::system_clock::time_point;
  EXPECT_EQ(timestamp(TimePoint(0s)), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(timestamp(TimePoint(1770091445s + 7ms)), "2026-02-03T04:04:05.007Z");
  EXPECT_EQ(timestamp(TimePoint(951782399s + 999ms)), "2000-02-28T23:59:59.999Z");
}

}  // namespace
}  // namespace sluice::daemon
