#include "stats/encode_prometheus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace sluice::stats {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// The lines of the text that belong to one metric, HELP and TYPE included.
std::vector<std::string> lines_of(const Metrics& metrics, const std::string& name) {
  std::istringstream text(encode_prometheus(metrics));
  std::vector<std::string> found;
  for (std::string line; std::getline(text, line);) {
    for (const std::string& start :
         {name + " ", name + "{", name + "_bucket{", name + "_sum", name + "_count",
          "# HELP " + name + " ", "# TYPE " + name + " "}) {
      if (line.rfind(start, 0) == 0) found.push_back(line);
    }
  }
  return found;
}

TEST(EncodePrometheus, ProcessWide) {
  Metrics metrics;
  metrics.status.version = "0.1.0";
  metrics.status.generation = 8;
  metrics.status.generations = {{8, 3, 1.0}, {7, 1, 90.0}};
  metrics.status.reloads = 7;
  EXPECT_THAT(
      lines_of(metrics, "sluice_build_info"),
      ElementsAre("# HELP sluice_build_info Always 1; the label says which release runs.",
                  "# TYPE sluice_build_info gauge", R"(sluice_build_info{version="0.1.0"} 1)"));
  EXPECT_THAT(lines_of(metrics, "sluice_reloads_total"),
              ElementsAre("# HELP sluice_reloads_total Reloads that took effect.",
                          "# TYPE sluice_reloads_total counter", "sluice_reloads_total 7"));
  EXPECT_THAT(lines_of(metrics, "sluice_generation_sessions").back(),
              R"(sluice_generation_sessions{generation="7"} 1)");
  EXPECT_THAT(lines_of(metrics, "sluice_stopping").back(), "sluice_stopping 0");
  metrics.status.stopping = "SIGTERM";
  EXPECT_THAT(lines_of(metrics, "sluice_stopping").back(), "sluice_stopping 1");
}

TEST(EncodePrometheus, FrontendsAreToldApartByLabel) {
  Metrics metrics;
  metrics.status.frontends.resize(2);
  metrics.status.frontends[0].name = "web";
  metrics.status.frontends[0].state = "OPEN";
  metrics.status.frontends[0].bytes_in = 1234567890123U;
  metrics.status.frontends[1].name = "mail";
  metrics.status.frontends[1].state = "stopping";
  EXPECT_THAT(lines_of(metrics, "sluice_frontend_bytes_in_total"),
              ElementsAre("# HELP sluice_frontend_bytes_in_total Bytes from clients.",
                          "# TYPE sluice_frontend_bytes_in_total counter",
                          R"(sluice_frontend_bytes_in_total{frontend="web"} 1234567890123)",
                          R"(sluice_frontend_bytes_in_total{frontend="mail"} 0)"));
  const auto up = lines_of(metrics, "sluice_frontend_up");
  ASSERT_EQ(up.size(), 4U);
  EXPECT_EQ(up[2], R"(sluice_frontend_up{frontend="web"} 1)");
  EXPECT_EQ(up[3], R"(sluice_frontend_up{frontend="mail"} 0)");
}

TEST(EncodePrometheus, LabelsAreEscaped) {
  Metrics metrics;
  metrics.status.backends.resize(1);
  metrics.status.backends[0].name = "a\"b\\c\nd";
  EXPECT_THAT(encode_prometheus(metrics),
              HasSubstr(R"(sluice_backend_queue{backend="a\"b\\c\nd"} 0)"));
}

ServerRow make_server(const std::string& frontend, const std::string& server,
                      const std::string& state) {
  ServerRow row;
  row.frontend = frontend;
  row.backend = "shop";
  row.server = server;
  row.state = state;
  row.mode = "plain";
  return row;
}

/// A counter that appeared twice with the same labels would make a scraper refuse the whole text.
TEST(EncodePrometheus, AServerOfTwoFrontendsIsCountedOnce) {
  Metrics metrics;
  metrics.servers = {make_server("web", "app1", "UP"), make_server("api", "app1", "UP")};
  EXPECT_EQ(lines_of(metrics, "sluice_server_sessions_total").size(), 3U);
  EXPECT_THAT(
      lines_of(metrics, "sluice_server_mode"),
      testing::IsSupersetOf(
          {R"(sluice_server_mode{frontend="web",backend="shop",server="app1",mode="plain"} 1)",
           R"(sluice_server_mode{frontend="api",backend="shop",server="app1",mode="plain"} 1)"}));
}

TEST(EncodePrometheus, ServerStates) {
  struct Case {
    const char* state;
    const char* word;
    char up;
  };
  for (const Case& expected :
       {Case{"UP", "UP", '1'}, Case{"UP 2/3", "UP", '1'}, Case{"STANDBY", "STANDBY", '1'},
        Case{"NOCHECK", "NOCHECK", '1'}, Case{"DOWN", "DOWN", '0'}, Case{"DOWN 1/2", "DOWN", '0'},
        Case{"DRAIN", "DRAIN", '0'}, Case{"MAINT", "MAINT", '0'}}) {
    Metrics metrics;
    metrics.servers = {make_server("web", "app1", expected.state)};
    EXPECT_EQ(lines_of(metrics, "sluice_server_up").back(),
              std::string(R"(sluice_server_up{backend="shop",server="app1"} )") + expected.up);
    EXPECT_EQ(lines_of(metrics, "sluice_server_state").back(),
              std::string(R"(sluice_server_state{backend="shop",server="app1",state=")") +
                  expected.word + "\"} 1");
  }
}

TEST(EncodePrometheus, ReasonsAndWorkers) {
  Metrics metrics;
  metrics.tls_gears = {{"ktls", "", 3}, {"user", "no tls module", 4}};
  metrics.reasons = {{"client_closed", "client", 7}, {"connect_failed", "server", 2}};
  metrics.status.workers.resize(2);
  metrics.status.workers[1].worker = 1;
  metrics.status.workers[1].promotions = 9;
  EXPECT_THAT(lines_of(metrics, "sluice_sessions_ended_total"),
              testing::IsSupersetOf(
                  {R"(sluice_sessions_ended_total{reason="client_closed",side="client"} 7)",
                   R"(sluice_sessions_ended_total{reason="connect_failed",side="server"} 2)"}));
  EXPECT_THAT(lines_of(metrics, "sluice_tls_directions_total"),
              testing::IsSupersetOf(
                  {R"(sluice_tls_directions_total{gear="ktls",reason=""} 3)",
                   R"(sluice_tls_directions_total{gear="user",reason="no tls module"} 4)"}));
  EXPECT_EQ(lines_of(metrics, "sluice_worker_promotions_total").back(),
            R"(sluice_worker_promotions_total{worker="1"} 9)");
}

TEST(EncodePrometheus, HistogramsAreCumulative) {
  Metrics metrics;
  metrics.connect_time = {{0.001, 0.01}, {5, 0, 2}, 0.5};
  EXPECT_THAT(lines_of(metrics, "sluice_connect_time_seconds"),
              testing::UnorderedElementsAre(
                  "# HELP sluice_connect_time_seconds Time to connect to a server.",
                  "# TYPE sluice_connect_time_seconds histogram",
                  "sluice_connect_time_seconds_count 7", "sluice_connect_time_seconds_sum 0.5",
                  R"(sluice_connect_time_seconds_bucket{le="0.001"} 5)",
                  R"(sluice_connect_time_seconds_bucket{le="0.01"} 5)",
                  R"(sluice_connect_time_seconds_bucket{le="+Inf"} 7)"));
}

/// In OpenMetrics the family of a counter is its name without _total, so a gauge of that name would
/// be the same family (prometheus.io, specs/om/open_metrics_spec, "MetricFamily").
TEST(EncodePrometheus, NoTwoFamiliesShareAName) {
  Metrics metrics;
  metrics.status.generations.resize(1);
  metrics.status.frontends.resize(1);
  metrics.status.backends.resize(1);
  metrics.status.workers.resize(1);
  metrics.servers.resize(1);
  metrics.reasons.resize(1);
  metrics.connect_time = metrics.session_time = {{1}, {0, 0}, 0};
  std::istringstream text(encode_prometheus(metrics));
  std::set<std::string> names;
  std::string hash, kind, name, rest;
  for (std::string line; std::getline(text, line);) {
    std::istringstream words(line);
    words >> hash >> kind >> name >> rest;
    if (hash != "#" || kind != "TYPE") continue;
    if (rest == "counter") {
      ASSERT_THAT(name, testing::EndsWith("_total"));
      name.erase(name.size() - 6);
    }
    EXPECT_TRUE(names.insert(name).second) << name;
  }
  EXPECT_GT(names.size(), 50U);
}

TEST(EncodePrometheus, WhatDoesNotExistHasNoFamily) {
  const Metrics metrics;
  EXPECT_THAT(lines_of(metrics, "sluice_session_time_seconds"), IsEmpty());
  EXPECT_THAT(encode_prometheus(metrics), Not(HasSubstr("sluice_frontend")));
}

}  // namespace
}  // namespace sluice::stats
