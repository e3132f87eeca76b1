#include "proxy/udp_flow_table.h"

#include <gtest/gtest.h>

#include <deque>
#include <string>

namespace sluice::proxy {
namespace {

struct Entry final : FlowEntry {
  using FlowEntry::FlowEntry;
};

FlowKey key_of(const std::string& client, const std::string& local = {}) {
  FlowKey key{Endpoint::parse(client).value(), {}};
  if (!local.empty()) key.local = Endpoint::parse(local).value();
  return key;
}

TEST(UdpFlowTable, TellsFlowsApartByEveryPartOfTheirKey) {
  UdpFlowTable table;
  std::deque<Entry> entries;
  const FlowKey keys[] = {
      key_of("10.0.0.1:1000"),
      key_of("10.0.0.1:1001"),
      key_of("10.0.0.2:1000"),
      key_of("[2001:db8::1]:1000"),
      key_of("[2001:db8::2]:1000"),
      key_of("10.0.0.1:1000", "192.0.2.1:0"),
      key_of("10.0.0.1:1000", "192.0.2.2:0"),
  };
  for (const FlowKey& key : keys) {
    EXPECT_EQ(table.find(key), nullptr);
    table.insert(entries.emplace_back(key));
  }
  for (std::size_t index = 0; index < entries.size(); ++index) {
    EXPECT_EQ(table.find(keys[index]), &entries[index]);
  }
  EXPECT_EQ(table.size(), entries.size());
}

TEST(UdpFlowTable, FindsEverythingWhileItGrowsAndShrinks) {
  UdpFlowTable table;
  std::deque<Entry> entries;
  for (std::uint16_t port = 1; port <= 5000; ++port) {
    table.insert(entries.emplace_back(key_of("10.0.0.1:" + std::to_string(port))));
  }
  for (std::size_t index = 0; index < entries.size(); index += 2) table.remove(entries[index]);
  EXPECT_EQ(table.size(), entries.size() / 2);
  for (std::size_t index = 0; index < entries.size(); ++index) {
    EXPECT_EQ(table.find(entries[index].key()), index % 2 == 0 ? nullptr : &entries[index]);
  }
}

TEST(UdpFlowTable, RemovingTwiceDoesNothing) {
  UdpFlowTable table;
  Entry one(key_of("10.0.0.1:1"));
  Entry two(key_of("10.0.0.1:2"));
  table.insert(one);
  table.insert(two);
  table.remove(one);
  table.remove(one);
  EXPECT_EQ(table.size(), 1U);
  EXPECT_EQ(table.find(two.key()), &two);
}

}  // namespace
}  // namespace sluice::proxy
