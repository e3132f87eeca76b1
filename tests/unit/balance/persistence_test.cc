#include "balance/persistence.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "test_backend.h"

namespace sluice::balance {
namespace {

using std::chrono::minutes;

const base::TimePoint kStart = base::TimePoint(std::chrono::hours(1000));

/// A backend that remembers its clients for half an hour.
class Remembering : public testing::Test {
 protected:
  BackendRules rules() { return {.persistence = {table_.get(), minutes(30)}}; }

  std::unique_ptr<PersistenceTable> table_ = std::move(PersistenceTable::create(1000).value());
  TestBackend backend_{"round_robin", servers_of_weights({1, 1, 1}), rules(), 2};
};

TEST_F(Remembering, AClientComesBackToItsServerOnEveryWorkerAndPolicy) {
  for (const char* policy : {"round_robin", "least_connections", "random", "source_hash"}) {
    TestBackend backend(policy, servers_of_weights({1, 1, 1}), rules(), 2);
    std::set<std::string> used;
    for (int client = 1; client <= 60; ++client) {
      const std::string ip = "10.0.0." + std::to_string(client);
      const std::string home = backend.pick_from(ip, kStart);
      used.insert(home);
      backend.server(home).session_began(0);
      for (const std::uint32_t worker : {0U, 1U, 0U}) {
        ASSERT_EQ(backend.pick_from(ip, kStart, {}, worker), home) << policy;
      }
    }
    EXPECT_EQ(used.size(), 3U) << policy;
  }
}

TEST_F(Remembering, OnlyForItsTime) {
  EXPECT_EQ(backend_.pick_from("10.0.0.1", kStart), "a");
  EXPECT_EQ(backend_.pick_from("10.0.0.2", kStart), "b");
  EXPECT_EQ(backend_.pick_from("10.0.0.1", kStart + minutes(29)), "a");
  EXPECT_EQ(backend_.pick_from("10.0.0.1", kStart + minutes(58)), "a");
  EXPECT_EQ(backend_.pick_from("10.0.0.2", kStart + minutes(58)), "c") << "its turn";
}

TEST_F(Remembering, AServerKeepsItsClientsThroughReloadsPlacesAndWeights) {
  EXPECT_EQ(backend_.pick_from("10.0.0.1", kStart), "a");
  EXPECT_EQ(backend_.pick_from("10.0.0.2", kStart), "b");
  backend_.reload({{.name = "c", .weight = 200}, {"b"}, {"x"}, {.name = "a", .weight = 0}});
  EXPECT_EQ(backend_.pick_from("10.0.0.1", kStart), "a") << "weight 0: only clients of its own";
  EXPECT_EQ(backend_.pick_from("10.0.0.2", kStart), "b");
}

TEST_F(Remembering, AServerThatWasOutOfTheFileKnowsItsClients) {
  EXPECT_EQ(backend_.pick_from("10.0.0.1", kStart), "a");
  backend_.reload({{"b"}, {"c"}});
  backend_.reload({{"a"}, {"b"}, {"c"}});
  EXPECT_EQ(backend_.pick_from("10.0.0.1", kStart), "a");
}

TEST_F(Remembering, ClientsOfAServerThatIsGoneGetAnotherAndKeepIt) {
  EXPECT_EQ(backend_.pick_from("10.0.0.1", kStart), "a");
  backend_.reload({{"b"}, {"c"}, {"new"}});
  const std::string home = backend_.pick_from("10.0.0.1", kStart);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(backend_.pick_from("10.0.0.1", kStart), home);
  backend_.reload({{"a"}, {"b"}, {"c"}, {"new"}});
  EXPECT_EQ(backend_.pick_from("10.0.0.1", kStart), home) << "it has moved for good";
}

TEST_F(Remembering, ClientsOfAServerThatIsDownMove) {
  EXPECT_EQ(backend_.pick_from("10.0.0.1", kStart), "a");
  backend_.set_down("a");
  EXPECT_EQ(backend_.pick_from("10.0.0.1", kStart), "b");
  backend_.set_up("a");
  EXPECT_EQ(backend_.pick_from("10.0.0.1", kStart), "b");
}

TEST_F(Remembering, AServerThatRefusedIsNotTriedAgain) {
  EXPECT_EQ(backend_.pick_from("10.0.0.1", kStart), "a");
  EXPECT_EQ(backend_.pick_from("10.0.0.1", kStart, {"a"}), "b");
  EXPECT_EQ(backend_.pick_from("10.0.0.1", kStart), "b");
}

TEST_F(Remembering, DrainKeepsItsClientsAndMaintenanceDoesNot) {
  EXPECT_EQ(backend_.pick_from("10.0.0.1", kStart), "a");
  backend_.server("a").set_orders({Order::kDrain, std::nullopt}, {});
  EXPECT_EQ(backend_.pick_from("10.0.0.1", kStart), "a");
  EXPECT_NE(backend_.pick_from("10.0.0.2", kStart), "a");
  backend_.server("a").set_orders({Order::kMaintenance, std::nullopt}, {});
  EXPECT_NE(backend_.pick_from("10.0.0.1", kStart), "a");
}

TEST_F(Remembering, TheLastServerMayBeOneThatOnlyItsClientsReach) {
  EXPECT_EQ(backend_.pick_from("10.0.0.1", kStart), "a");
  for (const char* name : {"a", "b", "c"}) {
    backend_.server(name).set_orders({Order::kDrain, std::nullopt}, {});
  }
  EXPECT_EQ(backend_.pick_from("10.0.0.1", kStart), "a");
  EXPECT_EQ(backend_.pick_from("10.0.0.2", kStart), "-");
}

TEST_F(Remembering, AFullServerLendsItsClientForOneSession) {
  TestBackend backend("round_robin", {{.name = "a", .max_sessions = 1}, {"b"}}, rules());
  EXPECT_EQ(backend.pick_from("10.0.0.1", kStart), "a");
  backend.server("a").session_began(0);
  EXPECT_EQ(backend.pick_from("10.0.0.1", kStart), "b");
  backend.server("a").session_ended();
  EXPECT_EQ(backend.pick_from("10.0.0.1", kStart), "a");
}

TEST_F(Remembering, AStandbyKeepsNobodyOnceItIsNotNeeded) {
  TestBackend backend("round_robin", {{"a"}, {.name = "spare", .is_passive = true}}, rules());
  backend.set_down("a");
  EXPECT_EQ(backend.pick_from("10.0.0.1", kStart), "spare");
  backend.set_up("a");
  EXPECT_EQ(backend.pick_from("10.0.0.1", kStart), "a");
  backend.server("a").set_orders({Order::kDrain, std::nullopt}, {});
  EXPECT_EQ(backend.pick_from("10.0.0.1", kStart), "a") << "the standby serves only new clients";
  EXPECT_EQ(backend.pick_from("10.0.0.2", kStart), "spare");
}

TEST_F(Remembering, ClientsWithoutAnAddressAreNotOneClient) {
  EXPECT_EQ(backend_.picks(6), "abcabc");
}

TEST(PersistenceRegistry, KeepsTheMemoryByNameAndThroughAChangeOfSize) {
  ServerRegistry registry(1);
  const Freshness time = Freshness::at(base::Clock::now(), minutes(30));
  auto first = registry.persistence("shop", 100).value();
  first->assign(7, 0, 3, time);
  EXPECT_EQ(registry.persistence("shop", 100).value(), first);
  EXPECT_NE(registry.persistence("other", 100).value(), first);
  { EXPECT_EQ(registry.persistence("shop", 5000).value()->find(7, time), 3U); }
  registry.prune();
  EXPECT_EQ(registry.persistence("shop", 100).value(), first) << "the larger one was never used";
  auto larger = registry.persistence("shop", 5000).value();
  first.reset();
  EXPECT_EQ(registry.persistence("shop", 50).value()->find(7, time), 3U);
  larger.reset();
  EXPECT_EQ(registry.persistence("shop", 100).value()->find(7, time), PersistenceTable::kNobody);
}

TEST(Persistence, ByTlsSessionGoesByTheSessionAndNotByTheAddress) {
  const auto table = PersistenceTable::create(1000).value();
  TestBackend backend("round_robin", servers_of_weights({1, 1, 1}),
                      {.persistence = {table.get(), {}, PersistenceKey::kTlsSession}});
  const auto pick = [&](const std::string& ip, std::uint64_t session) {
    const Endpoint client = Endpoint::from_ip(ip, 1024).value();
    return *backend.backend().pick(
        {.worker = 0, .client = client, .tried = {}, .tls_session = session});
  };
  const std::uint32_t home = pick("192.0.2.1", 41);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(pick("192.0.2." + std::to_string(i + 2), 41), home);
  EXPECT_NE(pick("192.0.2.1", 42), home) << "round robin goes on for another session";
  EXPECT_EQ(table->clients(), 2U);
  static_cast<void>(pick("192.0.2.1", 0));
  EXPECT_EQ(table->clients(), 2U) << "nothing to remember it by";
}

}  // namespace
}  // namespace sluice::balance
