#include "config/scalars.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace sluice::config {
namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;
using testing::HasSubstr;

TEST(Duration, TakesEveryUnit) {
  EXPECT_EQ(parse_duration("500ms"), milliseconds(500));
  EXPECT_EQ(parse_duration("5s"), milliseconds(5s));
  EXPECT_EQ(parse_duration("10m"), milliseconds(10min));
  EXPECT_EQ(parse_duration("1h"), milliseconds(1h));
  EXPECT_EQ(parse_duration("2d"), milliseconds(48h));
  EXPECT_EQ(parse_duration("1h30m"), milliseconds(90min));
  EXPECT_EQ(parse_duration("1m1s1ms"), milliseconds(61'001));
  EXPECT_EQ(parse_duration("0"), milliseconds(0));
  EXPECT_EQ(parse_duration("0s"), milliseconds(0));
  EXPECT_EQ(parse_duration("365d"), milliseconds(24h * 365));
}

TEST(Duration, RefusesWhatIsNone) {
  for (const char* text : {"", "s", "5x", "-5s", "+5s", "1.5s", "5 s", "5s ", "1m1h", "5s5s", "5S",
                           "5sec", "1h30", "0x5s", "5s\n"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(Duration, AsksForTheUnit) {
  EXPECT_EQ(parse_duration("30").error(), "`30` has no unit; write 30s or 30ms");
}

TEST(Duration, IsBounded) {
  for (const char* text : {"366d", "8761h", "99999999999999s", "9223372036854775807ms",
                           "99999999999999999999999s", "365d1ms"}) {
    ASSERT_FALSE(parse_duration(text)) << text;
    EXPECT_THAT(parse_duration(text).error(), HasSubstr("out of range")) << text;
  }
}

TEST(Number, KeepsToItsRange) {
  EXPECT_EQ(parse_number("1", 1, 65'535), 1U);
  EXPECT_EQ(parse_number("65535", 1, 65'535), 65'535U);
  EXPECT_EQ(parse_number("0", 0, 5), 0U);
  EXPECT_EQ(parse_number("0", 1, 65'535).error(), "`0` is out of range: 1 to 65535");
  EXPECT_EQ(parse_number("65536", 1, 65'535).error(), "`65536` is out of range: 1 to 65535");
  EXPECT_EQ(parse_number("-1", 0, 5).error(), "`-1` is out of range: 0 to 5");
  EXPECT_THAT(parse_number("18446744073709551616", 0, 5).error(), HasSubstr("out of range"));
}

TEST(Number, IsWholeAndDecimal) {
  for (const char* text :
       {"", "-", "+1", "1.0", "1e3", "0x10", "1_000", "one", " 1", "1 ", "010"}) {
    EXPECT_FALSE(parse_number(text, 0, 100'000)) << text;
  }
}

TEST(Flag, KnowsTheWordsOfYaml) {
  for (const char* text : {"true", "True", "TRUE", "yes", "on", "ON"}) {
    EXPECT_EQ(parse_flag(text), true) << text;
  }
  for (const char* text : {"false", "False", "no", "off"}) EXPECT_EQ(parse_flag(text), false);
  for (const char* text : {"", "1", "0", "y", "truely", "falsehood"}) {
    EXPECT_FALSE(parse_flag(text)) << text;
  }
}

TEST(Name, IsFitForUrlsAndColumns) {
  EXPECT_EQ(parse_name("app-1.eu_west:80"), "app-1.eu_west:80");
  EXPECT_TRUE(parse_name(std::string(128, 'n')));
  for (const std::string& text :
       {std::string(), std::string("a b"), std::string("a/b"), std::string("caf\xC3\xA9"),
        std::string("a\nb"), std::string("a\0b", 3), std::string("."), std::string(".."),
        std::string(129, 'n')}) {
    EXPECT_FALSE(parse_name(text)) << text;
  }
}

TEST(Listen, TakesAddressesWithPorts) {
  const auto v4 = parse_listen("127.0.0.1:8080");
  ASSERT_TRUE(v4);
  EXPECT_EQ(v4->kind, ListenKind::kIp);
  EXPECT_EQ(v4->host, "127.0.0.1");
  EXPECT_EQ(v4->port, 8080);

  const auto any = parse_listen("*:443");
  ASSERT_TRUE(any);
  EXPECT_EQ(any->host, "0.0.0.0");
  EXPECT_EQ(any->text, "*:443");
}

TEST(Listen, GivesOneSpellingToEachIpv6Address) {
  EXPECT_EQ(parse_listen("[::]:443")->host, "::");
  EXPECT_EQ(parse_listen("[0:0::1]:443")->host, "::1");
  EXPECT_EQ(parse_listen("[2001:DB8::1]:443")->host, "2001:db8::1");
}

TEST(Listen, TakesPathsAndDescriptors) {
  EXPECT_EQ(parse_listen("unix:/run/a.sock")->path, "/run/a.sock");
  EXPECT_EQ(parse_listen("unix:/run/a.sock")->kind, ListenKind::kUnix);
  EXPECT_EQ(parse_listen("fd:3")->fd, 3);
  EXPECT_EQ(parse_listen("fd:3")->kind, ListenKind::kFd);
}

TEST(Listen, TakesRangesOfPorts) {
  const auto range = parse_listen("[::1]:8000-8010");
  ASSERT_TRUE(range);
  EXPECT_EQ(range->port, 8000);
  EXPECT_EQ(range->last_port, 8010);
  EXPECT_EQ(parse_listen("*:80")->last_port, 0);
  EXPECT_TRUE(parse_listen("*:1-1000"));
  for (const char* text : {"*:1-1001", "*:80-80", "*:81-80", "*:80-", "*:-80", "*:1-2-3"}) {
    EXPECT_FALSE(parse_listen(text)) << text;
  }
}

TEST(Listen, TakesModesOfUnixSockets) {
  EXPECT_EQ(parse_listen("unix:/run/a.sock")->mode, 0666U);
  const auto strict = parse_listen("unix:/run/a.sock,mode=0600");
  EXPECT_EQ(strict->mode, 0600U);
  EXPECT_EQ(strict->path, "/run/a.sock");
  EXPECT_EQ(parse_listen("unix:/run/a,b.sock,mode=660")->path, "/run/a,b.sock");
  for (const char* mode : {"", "x", "1777", "8", "66 ", "-1"}) {
    EXPECT_FALSE(parse_listen(std::string("unix:/run/a.sock,mode=") + mode)) << mode;
  }
}

TEST(Listen, ExplainsWhatIsMissing) {
  EXPECT_THAT(parse_listen("10.0.0.1").error(), HasSubstr("write \"10.0.0.1:443\""));
  EXPECT_THAT(parse_listen("::1").error(), HasSubstr("write \"[::1]:443\""));
  EXPECT_THAT(parse_listen("8080").error(), HasSubstr("\"0.0.0.0:8080\""));
  EXPECT_THAT(parse_listen("fe80::zz:80").error(), HasSubstr("not a numeric address"));
  EXPECT_THAT(parse_listen("fe80::1:99999").error(), HasSubstr("brackets"));
}

TEST(Listen, RefusesOthers) {
  for (const char* text :
       {"", ":", "*", "*:", "*:0", "*:65536", "*:http", "[]:80", "[::1", "[::1]80", "1.2.3:80",
        "a.example:80", "unix:", "fd:", "fd:0", "fd:-1", "1.2.3.4:80:90", "[1.2.3.4]:80"}) {
    EXPECT_FALSE(parse_listen(text)) << text;
  }
}

TEST(ServerAddress, TakesAddressesAndNames) {
  EXPECT_EQ(parse_server_address("10.0.0.1"), "10.0.0.1");
  EXPECT_EQ(parse_server_address("2001:db8::1"), "2001:db8::1");
  EXPECT_EQ(parse_server_address("[2001:db8::1]"), "2001:db8::1");
  EXPECT_EQ(parse_server_address("app1.internal"), "app1.internal");
  EXPECT_EQ(parse_server_address("my_app-1"), "my_app-1");
  EXPECT_TRUE(parse_server_address(std::string(63, 'a') + ".example."));
}

TEST(ServerAddress, RefusesOthers) {
  for (const std::string& text :
       {std::string(), std::string("10.0.0.256"), std::string("10.0.0.1:80"), std::string("a:80"),
        std::string("http://a"), std::string("a b"), std::string("-a"), std::string("a-."),
        std::string("a..b"), std::string("::1::"), std::string("/run/a"), std::string(64, 'a'),
        std::string("[10.0.0.1]"), std::string("10.0.0.1\0", 9)}) {
    EXPECT_FALSE(parse_server_address(text)) << text;
  }
}

TEST(Network, TakesCidrAndSingleAddresses) {
  const auto ten = parse_network("10.0.0.0/8");
  ASSERT_TRUE(ten);
  EXPECT_FALSE(ten->is_ipv6);
  EXPECT_EQ(ten->prefix_bits, 8);
  EXPECT_EQ(ten->address[0], 10);

  const auto documentation = parse_network("2001:db8::/32");
  ASSERT_TRUE(documentation);
  EXPECT_TRUE(documentation->is_ipv6);
  EXPECT_EQ(documentation->prefix_bits, 32);

  EXPECT_EQ(parse_network("10.0.0.1")->prefix_bits, 32);
  EXPECT_EQ(parse_network("::1")->prefix_bits, 128);
  EXPECT_EQ(parse_network("0.0.0.0/0")->prefix_bits, 0);
}

TEST(Network, RefusesBitsBehindThePrefix) {
  EXPECT_FALSE(parse_network("10.0.0.1/8"));
  EXPECT_FALSE(parse_network("10.128.0.0/8"));
  EXPECT_TRUE(parse_network("10.128.0.0/9"));
  EXPECT_FALSE(parse_network("2001:db8::1/64"));
}

TEST(Network, RefusesOthers) {
  for (const char* text : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0.0/-1",
                           "10.0.0.0/8/8", "example.com", "10.0.0/8", "[::1]"}) {
    EXPECT_FALSE(parse_network(text)) << text;
  }
}

TEST(SniPattern, TakesNamesAndOneWildcard) {
  EXPECT_EQ(parse_sni_pattern("API.Example.com"), "api.example.com");
  EXPECT_EQ(parse_sni_pattern("*.Example.com"), "*.example.com");
  for (const char* text : {"", "*", "*.", "a.*.com", "*.*.com", "10.0.0.1", "*a.com"}) {
    EXPECT_FALSE(parse_sni_pattern(text)) << text;
  }
}

TEST(StatusRange, TakesOneOrARange) {
  EXPECT_EQ(parse_status_range("204"), (StatusRange{204, 204}));
  EXPECT_EQ(parse_status_range("200-399"), (StatusRange{200, 399}));
  for (const char* text : {"", "99", "600", "399-200", "200-", "-200", "ok", "2xx"}) {
    EXPECT_FALSE(parse_status_range(text)) << text;
  }
}

TEST(CookieName, IsAToken) {
  EXPECT_EQ(parse_cookie_name("LBSRV_1"), "LBSRV_1");
  for (const char* text : {"", "a b", "a;b", "a=b", "a,b", "caf\xC3\xA9"}) {
    EXPECT_FALSE(parse_cookie_name(text)) << text;
  }
}

TEST(UrlPath, BeginsWithASlash) {
  EXPECT_EQ(parse_url_path("/health?full=1"), "/health?full=1");
  for (const char* text : {"", "health", "/a b", "/a\r\nX: y"}) EXPECT_FALSE(parse_url_path(text));
}

}  // namespace
}  // namespace sluice::config
