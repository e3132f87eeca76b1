#include "daemon/table_compiler.h"

#include <gtest/gtest.h>

namespace sluice::daemon {
namespace {

using namespace std::chrono_literals;

Config config_to_compile() {
  Config config;
  BackendConfig shop;
  shop.name = "shop";
  shop.retries = 5;
  shop.keepalive = false;
  shop.timeouts.connect = 11ms;
  shop.timeouts.idle = 22ms;
  shop.timeouts.half_closed = 33ms;
  ServerConfig app1;
  app1.name = "app1";
  app1.address = "10.0.0.1";
  app1.port = 80;
  app1.weight = 3;
  ServerConfig app2;
  app2.name = "app2";
  app2.address = "::1";
  app2.port = 81;
  app2.passive = true;
  app2.max_connections = 9;
  shop.servers = {app1, app2};
  config.backends.push_back(shop);
  FrontendConfig web;
  web.name = "web";
  web.backend = "shop";
  for (const char* text : {"*:80", "[::]:80"}) {
    ListenAddress address;
    address.text = text;
    web.listen.push_back(address);
  }
  config.frontends.push_back(web);
  return config;
}

class TableCompilerTest : public testing::Test {
 protected:
  CompiledTable compile_or_fail(std::uint64_t generation) {
    auto compiled = compile(config, generation, registry);
    EXPECT_TRUE(compiled.has_value());
    return std::move(*compiled);
  }

  static proxy::BackendRoute& only_backend(const CompiledTable& compiled) {
    EXPECT_EQ(compiled.table->backends().size(), 1U);
    return *compiled.table->backends().front();
  }

  Config config = config_to_compile();
  StateRegistry registry{2};
};

TEST_F(TableCompilerTest, CarriesOverWhatSessionsNeed) {
  const CompiledTable compiled = compile_or_fail(7);
  proxy::RouteTable& table = *compiled.table;
  EXPECT_EQ(table.generation(), 7U);
  EXPECT_EQ(table.sessions(), 0U);
  const proxy::BackendRoute* shop = &only_backend(compiled);
  EXPECT_EQ(shop->balance.state().name(), "shop");
  EXPECT_EQ(shop->policy, "round_robin");
  EXPECT_EQ(shop->retries, 5U);
  EXPECT_EQ(shop->keepalive, sys::Keepalive::kOff);
  EXPECT_EQ(shop->connect_timeout, 11ms);
  EXPECT_EQ(shop->idle_timeout, 22ms);
  EXPECT_EQ(shop->half_closed_timeout, 33ms);
  ASSERT_EQ(shop->addresses.size(), 2U);
  EXPECT_EQ(shop->addresses[0].to_string(), "10.0.0.1:80");
  EXPECT_EQ(shop->addresses[1].to_string(), "[::1]:81");
  const auto candidates = shop->balance.candidates();
  ASSERT_EQ(candidates.size(), 2U);
  EXPECT_EQ(candidates[0].state->name(), "app1");
  EXPECT_EQ(candidates[0].weight, 3);
  EXPECT_FALSE(candidates[0].is_passive);
  EXPECT_TRUE(candidates[1].is_passive);
  EXPECT_EQ(candidates[1].max_sessions, 9U);
}

TEST_F(TableCompilerTest, FindsAFrontendByEachOfItsAddresses) {
  const CompiledTable compiled = compile_or_fail(1);
  proxy::RouteTable& table = *compiled.table;
  proxy::FrontendRoute* web = table.find_listener("*:80");
  ASSERT_NE(web, nullptr);
  EXPECT_EQ(table.find_listener("[::]:80"), web);
  EXPECT_EQ(table.find_listener("*:81"), nullptr);
  EXPECT_EQ(web->state->name(), "web");
  EXPECT_EQ(web->state->slots().size(), 2U) << "one for each worker";
  EXPECT_EQ(web->backend, &only_backend(compiled));
}

TEST_F(TableCompilerTest, TheNextTableGoesOnWithTheSameLiveState) {
  CompiledTable first = compile_or_fail(1);
  balance::ServerState* app1 = only_backend(first).balance.candidate(0).state;
  proxy::FrontendState* web = first.table->find_listener("*:80")->state;
  app1->session_began(0);
  web->traffic(1).total.add(5);

  config.backends[0].servers.pop_back();
  CompiledTable second = compile_or_fail(2);
  EXPECT_EQ(only_backend(second).balance.candidate(0).state, app1);
  EXPECT_EQ(second.table->find_listener("*:80")->state, web);
  first = {};
  registry.prune();
  EXPECT_EQ(app1->sessions().value(), 1U);
  EXPECT_EQ(web->traffic(1).total.value(), 5U);
  EXPECT_EQ(registry.servers().size(), 1U) << "app2 is forgotten";
}

TEST_F(TableCompilerTest, AFrontendThatLeftComesBackNew) {
  {
    const CompiledTable compiled = compile_or_fail(1);
    compiled.table->find_listener("*:80")->state->traffic(0).total.add(5);
  }
  registry.prune();
  const CompiledTable again = compile_or_fail(2);
  EXPECT_EQ(again.table->find_listener("*:80")->state->traffic(0).total.value(), 0U);
}

TEST_F(TableCompilerTest, KnowsThePolicies) {
  config.backends[0].policy = BalancePolicy::kLeastConnections;
  EXPECT_EQ(only_backend(compile_or_fail(1)).policy, "least_connections");
}

TEST_F(TableCompilerTest, LeavesTheAddressOfAHostNameOpen) {
  config.backends[0].servers[0].address = "app1.internal";
  const CompiledTable compiled = compile_or_fail(1);
  EXPECT_FALSE(only_backend(compiled).addresses[0].get().is_specified());
  EXPECT_TRUE(only_backend(compiled).addresses[1].get().is_specified());
}

TEST_F(TableCompilerTest, UdpFrontendsListenUnderNamesOfTheirOwn) {
  config.frontends[0].protocol = Protocol::kUdp;
  config.backends[0].udp = {std::chrono::seconds(7), 2, 99};
  const CompiledTable compiled = compile_or_fail(1);
  EXPECT_EQ(compiled.table->find_listener("*:80"), nullptr);
  const proxy::FrontendRoute* route = compiled.table->find_listener("udp *:80");
  ASSERT_NE(route, nullptr);
  EXPECT_EQ(route->protocol, proxy::FrontendProtocol::kUdp);
  EXPECT_EQ(route->backend->udp.idle, std::chrono::seconds(7));
  EXPECT_EQ(route->backend->udp.responses, 2U);
  EXPECT_EQ(route->backend->udp.max_flows, 99U);
}

}  // namespace
}  // namespace sluice::daemon
