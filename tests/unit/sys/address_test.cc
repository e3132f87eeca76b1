#include "sluice/address.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <string_view>

namespace sluice {
namespace {

struct Spelling {
  const char* text;
  int family;
  std::uint16_t port;
  const char* printed;
};

class GoodAddress : public testing::TestWithParam<Spelling> {};

TEST_P(GoodAddress, IsParsedAndPrinted) {
  const auto endpoint = Endpoint::parse(GetParam().text);
  ASSERT_TRUE(endpoint.has_value()) << endpoint.error().text;
  EXPECT_EQ(endpoint->family(), GetParam().family);
  EXPECT_EQ(endpoint->port(), GetParam().port);
  EXPECT_EQ(endpoint->to_string(), GetParam().printed);
  EXPECT_TRUE(endpoint->is_specified());
  const auto again = Endpoint::parse(endpoint->to_string());
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(*again, *endpoint);
}

INSTANTIATE_TEST_SUITE_P(
    Spellings, GoodAddress,
    testing::Values(Spelling{"10.0.0.1:80", AF_INET, 80, "10.0.0.1:80"},
                    Spelling{"*:443", AF_INET, 443, "0.0.0.0:443"},
                    Spelling{"0.0.0.0:0", AF_INET, 0, "0.0.0.0:0"},
                    Spelling{"255.255.255.255:65535", AF_INET, 65535, "255.255.255.255:65535"},
                    Spelling{"127.0.0.1:0080", AF_INET, 80, "127.0.0.1:80"},
                    Spelling{"[::]:443", AF_INET6, 443, "[::]:443"},
                    Spelling{"[::1]:1", AF_INET6, 1, "[::1]:1"},
                    Spelling{"[2001:DB8::0:1]:80", AF_INET6, 80, "[2001:db8::1]:80"},
                    Spelling{"[::ffff:10.0.0.1]:80", AF_INET6, 80, "[::ffff:10.0.0.1]:80"}));

class BadAddress : public testing::TestWithParam<const char*> {};

TEST_P(BadAddress, IsRefusedWithAReason) {
  const auto endpoint = Endpoint::parse(GetParam());
  ASSERT_FALSE(endpoint.has_value()) << endpoint->to_string();
  EXPECT_FALSE(endpoint.error().text.empty());
  EXPECT_EQ(endpoint.error().text.find('\n'), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Spellings, BadAddress,
                         testing::Values("", ":", ":80", "10.0.0.1", "10.0.0.1:", "10.0.0.1:x",
                                         "10.0.0.1:65536", "10.0.0.1:-1", "10.0.0.1:+1",
                                         "10.0.0.1: 80", "10.0.0.1:80 ", "10.0.0.1:99999999999",
                                         "10.0.0.256:80", "10.0.0:80", "10.0.0.1.2:80",
                                         "010.0.0.1:80", "localhost:80", "::1:80", "::1", "[::1]",
                                         "[::1]80", "[]:80", "[10.0.0.1]:80", "[::1:80", "::1]:80",
                                         "[::g]:80", "[*]:80", "10.0.0.1:80:80"));

TEST(Endpoint, SaysWhatIsWrong) {
  EXPECT_EQ(Endpoint::parse("10.0.0.1").error().text,
            "'10.0.0.1' has no port (expected ADDRESS:PORT)");
  EXPECT_EQ(Endpoint::parse("10.0.0.1:99999").error().text,
            "port '99999' is not a number from 0 to 65535");
  EXPECT_EQ(Endpoint::parse("::1:80").error().text,
            "'::1:80': an IPv6 address stands in brackets: [ADDRESS]:PORT");
  EXPECT_EQ(Endpoint::parse("app1:80").error().text, "'app1' is not an IPv4 or IPv6 address");
}

TEST(Endpoint, IsUnspecifiedAtFirst) {
  const Endpoint none;
  EXPECT_FALSE(none.is_specified());
  EXPECT_EQ(none.port(), 0);
  EXPECT_EQ(none.to_string(), "-");
  EXPECT_EQ(none, Endpoint());
}

TEST(Endpoint, JoinsAnAddressAndAPort) {
  EXPECT_EQ(Endpoint::from_ip("10.0.0.1", 80)->to_string(), "10.0.0.1:80");
  EXPECT_EQ(Endpoint::from_ip("::1", 80)->to_string(), "[::1]:80");
  EXPECT_FALSE(Endpoint::from_ip("[::1]", 80).has_value());
  EXPECT_FALSE(Endpoint::from_ip("", 80).has_value());
  // A NUL inside must not cut the text short.
  EXPECT_FALSE(Endpoint::from_ip(std::string_view("10.0.0.1\0.evil", 14), 80).has_value());
}

TEST(Endpoint, ChangesItsPortOnly) {
  for (const char* text : {"10.0.0.1:80", "[::1]:80"}) {
    const Endpoint endpoint = *Endpoint::parse(text);
    const Endpoint other = endpoint.with_port(81);
    EXPECT_EQ(other.port(), 81);
    EXPECT_EQ(endpoint.port(), 80);
    EXPECT_NE(other, endpoint);
    EXPECT_EQ(other.with_port(80), endpoint);
  }
}

TEST(Endpoint, ComparesFamilyAddressAndPort) {
  const Endpoint v4 = *Endpoint::parse("10.0.0.1:80");
  EXPECT_EQ(v4, *Endpoint::parse("10.0.0.1:80"));
  EXPECT_NE(v4, *Endpoint::parse("10.0.0.2:80"));
  EXPECT_NE(v4, *Endpoint::parse("10.0.0.1:81"));
  EXPECT_NE(v4, *Endpoint::parse("[::ffff:10.0.0.1]:80"));
  EXPECT_NE(v4, Endpoint());
  EXPECT_NE(*Endpoint::parse("[::1]:80"), *Endpoint::parse("[::2]:80"));
}

TEST(Endpoint, IsWhatTheKernelTakesAndGives) {
  for (const char* text : {"10.0.0.1:80", "[2001:db8::1]:80"}) {
    const Endpoint endpoint = *Endpoint::parse(text);
    sockaddr_storage storage{};
    std::memcpy(&storage, endpoint.data(), endpoint.size());
    EXPECT_EQ(Endpoint::from_sockaddr(storage), endpoint);
  }
  sockaddr_storage local{};
  local.ss_family = AF_UNIX;
  EXPECT_FALSE(Endpoint::from_sockaddr(local).is_specified());
}

}  // namespace
}  // namespace sluice
