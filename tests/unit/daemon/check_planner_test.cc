#include "daemon/check_planner.h"

#include <gtest/gtest.h>

namespace sluice::daemon {
namespace {

class CheckPlannerTest : public testing::Test {
 protected:
  CheckPlannerTest() {
    FrontendConfig web;
    web.name = "web";
    web.backend = "shop";
    config.frontends.push_back(web);
    BackendConfig shop;
    shop.name = "shop";
    ServerConfig app1;
    app1.name = "app1";
    app1.address = "10.0.0.1";
    app1.port = 80;
    shop.servers.push_back(app1);
    config.backends.push_back(shop);
  }

  CheckPlan plan() {
    CheckPlanner planner(config);
    return planner.plan(0, server(), Endpoint::from_ip("10.0.0.1", 80).value());
  }
  HealthCheckConfig& check() { return config.backends[0].health_check; }
  ServerConfig& server() { return config.backends[0].servers[0]; }

  Config config;
};

TEST_F(CheckPlannerTest, ThePortOfTheCheckOverridesTheServers) {
  EXPECT_EQ(plan().address.to_string(), "10.0.0.1:80");
  check().port = 8081;
  EXPECT_EQ(plan().address.to_string(), "10.0.0.1:8081");
}

TEST_F(CheckPlannerTest, TheHostIsTheNearestName) {
  check().type = HealthCheckType::kHttp;
  check().port = 8081;
  EXPECT_EQ(plan().host, "10.0.0.1:8081");
  server().server_name = "app1.internal";
  EXPECT_EQ(plan().host, "app1.internal");
  check().server_name = "shop.example.com";
  EXPECT_EQ(plan().host, "shop.example.com");
}

TEST_F(CheckPlannerTest, HttpSpeaksTlsWhereSessionsAlwaysDo) {
  check().type = HealthCheckType::kHttp;
  EXPECT_EQ(plan().tls.context, nullptr) << "plain";
  server().tls = true;
  EXPECT_NE(plan().tls.context, nullptr) << "originate";
  check().port = 8081;
  EXPECT_EQ(plan().tls.context, nullptr) << "a port of its own";
  check().port = 0;
  server().tls = false;

  config.frontends[0].tls.emplace();
  EXPECT_NE(plan().tls.context, nullptr) << "reencrypt";
  server().ssl_offload = true;
  EXPECT_EQ(plan().tls.context, nullptr) << "offload";
  server().ssl_offload = false;
  config.frontends.push_back(config.frontends[0]);
  config.frontends[1].tls.reset();
  EXPECT_EQ(plan().tls.context, nullptr) << "another frontend passes plain bytes on";
}

TEST_F(CheckPlannerTest, TheTlsCheckTakesNameAndPolicyFromTheServer) {
  check().type = HealthCheckType::kTls;
  EXPECT_EQ(plan().tls.server_name, "10.0.0.1");
  EXPECT_EQ(plan().tls.verify, ServerVerify::kRequired);
  server().server_name = "app1.internal";
  server().verify = ServerVerify::kNone;
  EXPECT_EQ(plan().tls.server_name, "app1.internal");
  EXPECT_EQ(plan().tls.verify, ServerVerify::kNone);
}

TEST_F(CheckPlannerTest, EqualConfigurationsMakeEqualPlans) {
  check().type = HealthCheckType::kTls;
  EXPECT_EQ(plan(), plan()) << "although each has a context of its own";
  const CheckPlan before = plan();
  server().server_name = "app1.internal";
  EXPECT_FALSE(plan() == before);
}

}  // namespace
}  // namespace sluice::daemon
