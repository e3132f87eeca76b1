#include "wire/ip_text.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <string>

namespace sluice::wire {
namespace {

TEST(Ipv6Text, IsReadAsTheCLibraryReadsIt) {
  for (const char* text : {"::",
                           "::1",
                           "1::",
                           "1:2:3:4:5:6:7:8",
                           "1:2:3:4:5:6:7::",
                           "::2:3:4:5:6:7:8",
                           "1::8",
                           "2001:DB8::a",
                           "::ffff:192.0.2.1",
                           "1:2:3:4:5:6:192.0.2.1",
                           "64:ff9b::192.0.2.33",
                           "",
                           ":",
                           ":::",
                           "1:",
                           ":1",
                           "1::2::3",
                           "1:2:3:4:5:6:7",
                           "1:2:3:4:5:6:7:8:9",
                           "12345::",
                           "g::",
                           "1:2:3:4:5:6:7:192.0.2.1",
                           "192.0.2.1::",
                           "::192.0.2.1:1",
                           "::192.0.2",
                           "::1 ",
                           " ::1",
                           "::1%lo",
                           "1:2:3:4::5:6:7:8"}) {
    Ipv6Bytes expected{};
    const bool is_valid = ::inet_pton(AF_INET6, text, expected.data()) == 1;
    const auto bytes = parse_ipv6(text);
    EXPECT_EQ(bytes.has_value(), is_valid) << text;
    if (bytes && is_valid) {
      EXPECT_EQ(*bytes, expected) << text;
    }
  }
}

TEST(Ipv4Text, IsReadAsTheCLibraryReadsIt) {
  for (const char* text :
       {"0.0.0.0", "192.0.2.1", "255.255.255.255", "256.0.0.1", "1.2.3", "1.2.3.4.5", "1..2.3",
        "01.2.3.4", "1.2.3.4 ", "+1.2.3.4", "", "...", "1.2.3.-4"}) {
    Ipv4Bytes expected{};
    const bool is_valid = ::inet_pton(AF_INET, text, expected.data()) == 1;
    const auto bytes = parse_ipv4(text);
    EXPECT_EQ(bytes.has_value(), is_valid) << text;
    if (bytes && is_valid) {
      EXPECT_EQ(*bytes, expected) << text;
    }
  }
}

TEST(IpText, IsReadBack) {
  const Ipv6Bytes bytes = *parse_ipv6("2001:db8::a:0:1");
  EXPECT_EQ(ip_text(bytes), "2001:db8:0:0:0:a:0:1");
  EXPECT_EQ(parse_ipv6(ip_text(bytes)), bytes);
  EXPECT_EQ(ip_text(Ipv4Bytes{192, 0, 2, 1}), "192.0.2.1");
}

}  // namespace
}  // namespace sluice::wire
