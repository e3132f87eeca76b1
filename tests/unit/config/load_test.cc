#include "config/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace sluice::config {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kMinimal = R"(
frontends:
  - {name: web, listen: "127.0.0.1:8080", backend: shop}
backends:
  - name: shop
    servers:
      - {name: app1, address: 10.0.0.11, port: 8080}
)";

std::vector<std::string> lines(const Loaded& loaded) {
  std::vector<std::string> out;
  for (const Diagnostic& diagnostic : loaded.diagnostics) out.push_back(diagnostic.to_string());
  return out;
}

Config load_good(const std::string& text) {
  Loaded loaded = load_text(text, "dir/f.yaml");
  EXPECT_TRUE(loaded.config) << testing::PrintToString(lines(loaded));
  return loaded.config.value_or(Config{});
}

std::string replace(std::string text, std::string_view from, std::string_view to) {
  text.replace(text.find(from), from.size(), to);
  return text;
}

TEST(Load, LeavesDefaults) {
  const Config config = load_good(kMinimal);
  Config expected;
  FrontendConfig& frontend = expected.frontends.emplace_back();
  frontend.name = "web";
  ListenAddress& listen = frontend.listen.emplace_back();
  listen.text = "127.0.0.1:8080";
  listen.host = "127.0.0.1";
  listen.port = 8080;
  frontend.backend = "shop";
  BackendConfig& backend = expected.backends.emplace_back();
  backend.name = "shop";
  ServerConfig& server = backend.servers.emplace_back();
  server.name = "app1";
  server.address = "10.0.0.11";
  server.port = 8080;
  EXPECT_EQ(config, expected);
}

TEST(Load, RemembersPlaces) {
  const Config config = load_good(kMinimal);
  EXPECT_EQ(config.frontends[0].position.line, 3);
  EXPECT_EQ(config.frontends[0].position.column, 5);
  EXPECT_EQ(config.frontends[0].listen[0].position.column, 25);
  EXPECT_EQ(config.backends[0].position.line, 5);
  EXPECT_EQ(config.backends[0].servers[0].position.line, 7);
}

TEST(Load, PlacesDoNotMakeADifference) {
  EXPECT_EQ(load_good(kMinimal), load_good("# moved\n\n" + kMinimal));
  EXPECT_NE(load_good(kMinimal), load_good(replace(kMinimal, "port: 8080", "port: 8081")));
}

TEST(Load, DecodesWhatTheFileSays) {
  const Config config = load_good(R"(
workers: 3
stop_timeout: 5s
splice: off
ktls: off
log: {level: debug, format: json, sessions: no}
admin: {socket: a.sock, listen: "[::1]:9901"}
frontends:
  - {name: web, listen: ["127.0.0.1:1", "[::1]:2"], backend: shop}
backends:
  - name: shop
    policy: least_connections
    all_down: try_anyway
    standby_min_active: 1
    retries: 0
    timeouts: {connect: 1s, idle: 0, half_closed: 2s}
    keepalive: off
    health_check: {type: none, interval: 1s, timeout: 3s, fall: 4, rise: 5}
    servers:
      - {name: a, address: "[::1]", port: 1, weight: 0}
      - {name: b, address: 10.0.0.2, port: 65535, passive: true}
)");
  EXPECT_EQ(config.workers, 3);
  EXPECT_EQ(config.stop_timeout, 5s);
  EXPECT_EQ(config.splice, SpliceMode::kOff);
  EXPECT_EQ(config.ktls, KtlsMode::kOff);
  EXPECT_EQ(config.log, (LogConfig{LogLevel::kDebug, LogFormat::kJson, false}));
  EXPECT_EQ(config.admin.socket, "dir/a.sock");
  EXPECT_EQ(config.admin.listen->host, "::1");
  EXPECT_EQ(config.frontends[0].listen[1].port, 2);
  const BackendConfig& backend = config.backends[0];
  EXPECT_EQ(backend.policy, BalancePolicy::kLeastConnections);
  EXPECT_EQ(backend.all_down, AllDown::kTryAnyway);
  EXPECT_EQ(backend.retries, 0U);
  EXPECT_EQ(backend.timeouts.connect, 1s);
  EXPECT_EQ(backend.timeouts.idle, 0s);
  EXPECT_EQ(backend.timeouts.half_closed, 2s);
  EXPECT_EQ(backend.timeouts.queue, 5s);
  EXPECT_FALSE(backend.keepalive);
  EXPECT_EQ(backend.health_check.type, HealthCheckType::kNone);
  EXPECT_EQ(backend.health_check.timeout, 3s);
  EXPECT_EQ(backend.servers[0].address, "::1");
  EXPECT_EQ(backend.servers[0].weight, 0U);
  EXPECT_TRUE(backend.servers[1].passive);
}

TEST(Load, TakesTheAliasesThatFingersType) {
  const std::string text =
      replace(replace(kMinimal, "name: shop\n", "name: shop\n    balance: leastconn\n"),
              "port: 8080}", "port: 8080, backup: yes}");
  const Config config = load_good(text);
  EXPECT_EQ(config.backends[0].policy, BalancePolicy::kLeastConnections);
  EXPECT_TRUE(config.backends[0].servers[0].passive);
  const Config other =
      load_good(replace(replace(text, "leastconn", "least_conn"), "backup", "standby"));
  EXPECT_EQ(config, other);
}

TEST(Load, DefaultsFillWhatAnEntryLeavesOut) {
  const Config config = load_good(R"(
frontends:
  - {name: web, listen: "127.0.0.1:8080"}
backends:
  - {name: a}
  - name: b
    retries: 2
    timeouts: {idle: 2m}
    health_check: {type: none}
    servers: []
defaults:
  backend: b
  retries: 7
  timeouts: {connect: 1s, idle: 1m, handshake: 10s}
  health_check: {interval: 9s}
  servers:
    - {name: app1, address: 10.0.0.11, port: 8080}
)");
  EXPECT_EQ(config.frontends[0].backend, "b");
  EXPECT_EQ(config.backends[0].retries, 7U);
  EXPECT_EQ(config.backends[0].timeouts.connect, 1s);
  EXPECT_EQ(config.backends[0].timeouts.idle, 1min);
  EXPECT_EQ(config.backends[0].servers.size(), 1U);
  EXPECT_EQ(config.backends[1].retries, 2U);
  EXPECT_EQ(config.backends[1].timeouts.connect, 1s);
  EXPECT_EQ(config.backends[1].timeouts.idle, 2min);
  EXPECT_EQ(config.backends[1].health_check.type, HealthCheckType::kNone);
  EXPECT_EQ(config.backends[1].health_check.interval, 9s);
  EXPECT_THAT(config.backends[1].servers, IsEmpty());
}

TEST(Load, AHealthCheckInheritsKeysOfAnotherType) {
  const Loaded loaded = load_text(
      "defaults: {health_check: {type: tcp, port: 81}}\n" +
          replace(kMinimal, "name: shop\n", "name: shop\n    health_check: {type: none}\n"),
      "f.yaml");
  EXPECT_THAT(lines(loaded), IsEmpty());
  EXPECT_TRUE(loaded.config);
}

TEST(Load, ReportsEveryErrorInTheOrderOfTheFile) {
  const Loaded loaded = load_text(R"(frontends:
  - {name: web, listen: "127.0.0.1:0", backend: shpo}
backends:
  - name: shop
    retires: 3
    servers:
      - {name: app1, address: 10.0.0.11, port: 8080, weight: 257}
      - {name: app1, address: 10.0.0.12, port: http}
)",
                                  "f.yaml");
  EXPECT_FALSE(loaded.config);
  EXPECT_THAT(
      lines(loaded),
      ElementsAre(
          "f.yaml:2:25: error: frontends[0].listen: port `0` is out of range: 1 to 65535",
          "f.yaml:2:49: error: frontends[0].backend: there is no backend `shpo`; did you mean "
          "`shop`?",
          "f.yaml:5:5: error: backends[0].retires: unknown key; did you mean `retries`?",
          "f.yaml:7:62: error: backends[0].servers[0].weight: `257` is out of range: 0 to 256",
          "f.yaml:8:16: error: backends[0].servers[1].name: duplicate name: there is already a "
          "server `app1` in line 7",
          "f.yaml:8:48: error: backends[0].servers[1].port: `http` is not a whole number from 1 to "
          "65535"));
}

TEST(Load, NoticesDoNotRefuse) {
  const Loaded loaded = load_text(kMinimal + "  - {name: unused, servers: []}\n", "f.yaml");
  EXPECT_TRUE(loaded.config);
  ASSERT_EQ(loaded.diagnostics.size(), 2U);
  EXPECT_EQ(loaded.diagnostics[0].severity, Severity::kNotice);
}

TEST(Load, ResolvesPathsAgainstTheFilesPlace) {
  const Loaded loaded = load_text(
      "certificates:\n  - {name: a, certificate: sub/../a.pem, key: /none/a.key}\n" + kMinimal,
      "/none/etc/f.yaml");
  ASSERT_EQ(loaded.diagnostics.size(), 2U);
  EXPECT_THAT(loaded.diagnostics[0].text, HasSubstr("`/none/etc/a.pem`"));
  EXPECT_THAT(loaded.diagnostics[1].text, HasSubstr("`/none/a.key`"));
}

TEST(Load, RefusesWhatIsNotAFile) {
  EXPECT_THAT(lines(load("/none/f.yaml")),
              ElementsAre("/none/f.yaml:1:1: error: the file does not exist"));
  EXPECT_THAT(lines(load("/")), ElementsAre("/:1:1: error: the file is a directory, not a file"));
  EXPECT_THAT(lines(load("/dev/zero")),
              ElementsAre("/dev/zero:1:1: error: the file is a device, not a regular file"));
}

TEST(Load, ReadsFilesWhoseSizeIsNotKnown) {
  // Files of /proc say 0 bytes; this one is text, but no mapping of ours.
  const Loaded loaded = load("/proc/self/status");
  EXPECT_FALSE(loaded.config);
  ASSERT_FALSE(loaded.diagnostics.empty());
  EXPECT_THAT(loaded.diagnostics[0].text, testing::Not(HasSubstr("empty")));
}

}  // namespace
}  // namespace sluice::config
