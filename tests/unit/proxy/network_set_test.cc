#include "proxy/network_set.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "config/scalars.h"

namespace sluice::proxy {
namespace {

NetworkSet set_of(const std::vector<std::string>& texts) {
  std::vector<Network> networks;
  for (const std::string& text : texts) {
    networks.push_back(config::parse_network(text).value());
  }
  return NetworkSet(networks);
}

Endpoint client(const std::string& ip) {
  return Endpoint::from_ip(ip, 1024).value();
}

struct Question {
  std::vector<std::string> networks;
  std::string address;
  bool is_in;
};

class NetworkSetTest : public testing::TestWithParam<Question> {};

TEST_P(NetworkSetTest, Contains) {
  const Question& question = GetParam();
  EXPECT_EQ(set_of(question.networks).contains(client(question.address)), question.is_in);
}

using Texts = std::vector<std::string>;
INSTANTIATE_TEST_SUITE_P(
    Questions, NetworkSetTest,
    testing::Values(
        // IPv4: whole bytes, bits within a byte, one address, everything.
        Question{Texts{"10.0.0.0/8"}, "10.255.255.255", true},
        Question{Texts{"10.0.0.0/8"}, "11.0.0.0", false},
        Question{Texts{"192.0.2.128/25"}, "192.0.2.128", true},
        Question{Texts{"192.0.2.128/25"}, "192.0.2.127", false},
        Question{Texts{"172.16.0.0/12"}, "172.31.255.255", true},
        Question{Texts{"172.16.0.0/12"}, "172.32.0.0", false},
        Question{Texts{"192.0.2.7/32"}, "192.0.2.7", true},
        Question{Texts{"192.0.2.7/32"}, "192.0.2.6", false},
        Question{Texts{"192.0.2.7"}, "192.0.2.7", true},
        Question{Texts{"192.0.2.6/31"}, "192.0.2.7", true},
        Question{Texts{"192.0.2.6/31"}, "192.0.2.8", false},
        Question{Texts{"0.0.0.0/0"}, "255.255.255.255", true},
        Question{Texts{"0.0.0.0/0"}, "0.0.0.0", true},
        // IPv6.
        Question{Texts{"2001:db8::/32"}, "2001:db8:ffff::1", true},
        Question{Texts{"2001:db8::/32"}, "2001:db9::", false},
        Question{Texts{"2001:db8::/33"}, "2001:db8:7fff::", true},
        Question{Texts{"2001:db8::/33"}, "2001:db8:8000::", false},
        Question{Texts{"2001:db8::1/128"}, "2001:db8::1", true},
        Question{Texts{"2001:db8::1/128"}, "2001:db8::", false},
        Question{Texts{"2001:db8::/127"}, "2001:db8::1", true},
        Question{Texts{"2001:db8::/127"}, "2001:db8::2", false},
        Question{Texts{"::/0"}, "ffff::", true},
        // One family is not the other, but for IPv4 in IPv6's form.
        Question{Texts{"0.0.0.0/0"}, "2001:db8::1", false},
        Question{Texts{"0.0.0.0/0"}, "::ffff:192.0.2.1", true},
        Question{Texts{"192.0.2.0/24"}, "::ffff:192.0.2.200", true},
        Question{Texts{"192.0.2.0/24"}, "::ffff:192.0.3.1", false},
        Question{Texts{"192.0.2.0/24"}, "::192.0.2.1", false},
        Question{Texts{"::ffff:192.0.2.0/120"}, "192.0.2.9", true},
        Question{Texts{"::ffff:192.0.2.0/120"}, "192.0.3.9", false},
        Question{Texts{"10.0.0.0/8"}, "a00::", false},
        // Several: any of them will do, whether they overlap or not.
        Question{Texts{"10.0.0.0/8", "10.1.0.0/16"}, "10.1.2.3", true},
        Question{Texts{"10.0.0.0/8", "10.1.0.0/16"}, "10.2.2.3", true},
        Question{Texts{"10.1.0.0/16", "192.0.2.1", "2001:db8::/32"}, "2001:db8::5", true},
        Question{Texts{"10.1.0.0/16", "192.0.2.1", "2001:db8::/32"}, "192.0.2.2", false},
        Question{Texts{}, "10.0.0.1", false}));

TEST(NetworkSet, ClientsWithoutAnIpAddressAreInNone) {
  const NetworkSet everything = set_of({"0.0.0.0/0", "::/0"});
  EXPECT_FALSE(everything.contains(Endpoint()));
}

TEST(NetworkSet, EmptyOrNot) {
  EXPECT_TRUE(NetworkSet().is_empty());
  EXPECT_FALSE(set_of({"10.0.0.0/8"}).is_empty());
}

}  // namespace
}  // namespace sluice::proxy
