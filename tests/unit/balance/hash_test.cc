#include "balance/hash.h"

#include <gtest/gtest.h>

#include <set>

namespace sluice::balance {
namespace {

Endpoint at(const char* ip, std::uint16_t port = 80) {
  return Endpoint::from_ip(ip, port).value();
}

TEST(Hash, AClientIsItsAddress) {
  EXPECT_EQ(client_key(at("10.0.0.1", 1)), client_key(at("10.0.0.1", 2)));
  EXPECT_NE(client_key(at("10.0.0.1")), client_key(at("10.0.0.2")));
  EXPECT_NE(client_key(at("2001:db8::1")), client_key(at("2001:db8::2")));
  EXPECT_EQ(client_key(at("10.0.0.1")), client_key(at("::ffff:10.0.0.1")));
  EXPECT_NE(client_key(Endpoint()), 0U);
}

TEST(Hash, AFlowIsItsAddressAndPort) {
  std::set<std::uint64_t> keys;
  for (std::uint16_t port = 1; port <= 1000; ++port) keys.insert(flow_key(at("10.0.0.1", port)));
  EXPECT_EQ(keys.size(), 1000U);
  EXPECT_EQ(flow_key(at("10.0.0.1", 7)), flow_key(at("10.0.0.1", 7)));
}

TEST(Hash, IsTheSameOnEveryMachine) {
  EXPECT_EQ(hash_of("app1", 0), 15052467266577726477U);
  EXPECT_EQ(client_key(at("192.0.2.1")), 11520911977985869338U);
}

TEST(Hash, ScalesToTheWholeRangeAndNotBeyond) {
  EXPECT_EQ(scale(0, 7), 0U);
  EXPECT_EQ(scale(UINT64_MAX, 7), 6U);
  EXPECT_EQ(scale(UINT64_MAX / 2, 65'537), 32'768U);
}

}  // namespace
}  // namespace sluice::balance
