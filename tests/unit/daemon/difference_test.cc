#include "daemon/difference.h"

#include <gtest/gtest.h>

namespace sluice::daemon {
namespace {

template <typename Item>
Item named(const char* name) {
  Item item;
  item.name = name;
  return item;
}

Config config_before() {
  Config config;
  BackendConfig shop;
  shop.name = "shop";
  for (const char* name : {"app1", "app2", "app3"}) {
    ServerConfig server;
    server.name = name;
    server.address = "10.0.0.1";
    server.port = 8080;
    shop.servers.push_back(server);
  }
  config.backends.push_back(shop);
  FrontendConfig web;
  web.name = "web";
  web.backend = "shop";
  config.frontends.push_back(web);
  return config;
}

class DifferenceTest : public testing::Test {
 protected:
  std::string difference() const { return describe_difference(before, after); }

  const Config before = config_before();
  Config after = config_before();
};

TEST_F(DifferenceTest, IsNoneForTheSame) {
  EXPECT_EQ(difference(), "no change");
  EXPECT_EQ(describe_difference({}, {}), "no change");
}

TEST_F(DifferenceTest, CountsServersByThemselves) {
  after.backends[0].servers.pop_back();
  EXPECT_EQ(difference(), "-1 server");
  after.backends[0].servers.pop_back();
  EXPECT_EQ(difference(), "-2 servers");
  after.backends[0].servers[0].weight = 7;
  EXPECT_EQ(difference(), "~1 server, -2 servers");
  after.backends[0].servers.push_back(named<ServerConfig>("new"));
  EXPECT_EQ(difference(), "+1 server, ~1 server, -2 servers");
}

TEST_F(DifferenceTest, ServersOfANewBackendAreNew) {
  BackendConfig blog = before.backends[0];
  blog.name = "blog";
  after.backends.push_back(blog);
  EXPECT_EQ(difference(), "+3 servers, +1 backend");
  EXPECT_EQ(describe_difference(after, before), "-3 servers, -1 backend");
}

TEST_F(DifferenceTest, TheSameNameInAnotherBackendIsAnotherServer) {
  BackendConfig blog;
  blog.name = "blog";
  blog.servers.push_back(after.backends[0].servers.back());
  after.backends[0].servers.pop_back();
  after.backends.push_back(blog);
  EXPECT_EQ(difference(), "+1 server, -1 server, +1 backend");
}

TEST_F(DifferenceTest, ABackendsOwnKeysChangeTheBackend) {
  after.backends[0].retries = 9;
  EXPECT_EQ(difference(), "~1 backend");
}

TEST_F(DifferenceTest, NamesEveryKindOfThing) {
  after.frontends[0].max_connections = 5;
  after.frontends.push_back(named<FrontendConfig>("mail"));
  after.certificates.push_back(named<CertificateConfig>("shop"));
  after.ca_bundles.push_back(named<CaBundleConfig>("one"));
  after.ca_bundles.push_back(named<CaBundleConfig>("two"));
  EXPECT_EQ(difference(), "+1 frontend, ~1 frontend, +1 certificate, +2 CA bundles");
}

TEST_F(DifferenceTest, SettingsAreOneThing) {
  after.workers = 3;
  after.log.level = LogLevel::kDebug;
  EXPECT_EQ(difference(), "~settings");
  after.backends[0].servers.pop_back();
  EXPECT_EQ(difference(), "-1 server, ~settings");
}

TEST_F(DifferenceTest, EverySettingCounts) {
  const auto differs = [this](auto change) {
    after = config_before();
    change(after);
    return difference() == "~settings";
  };
  EXPECT_TRUE(differs([](Config& config) { config.workers = 2; }));
  EXPECT_TRUE(differs([](Config& config) { config.stop_timeout = std::chrono::seconds(1); }));
  EXPECT_TRUE(differs([](Config& config) { config.splice = SpliceMode::kOff; }));
  EXPECT_TRUE(differs([](Config& config) { config.ktls = KtlsMode::kOn; }));
  EXPECT_TRUE(differs([](Config& config) { config.log.sessions = false; }));
  EXPECT_TRUE(differs([](Config& config) { config.admin.socket = "/run/x"; }));
  EXPECT_TRUE(differs([](Config& config) { config.watch = true; }));
}

TEST_F(DifferenceTest, WhereAnEntryStandsDoesNotCount) {
  after.frontends[0].position = {7, 3};
  after.backends[0].servers[1].position = {99, 1};
  EXPECT_EQ(difference(), "no change");
}

TEST_F(DifferenceTest, CountsARenamedThingAsGoneAndCome) {
  after.frontends[0].name = "shop-front";
  EXPECT_EQ(difference(), "+1 frontend, -1 frontend");
}

}  // namespace
}  // namespace sluice::daemon
