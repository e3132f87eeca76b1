#include "proxy/cookie_jar.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace sluice::proxy {
namespace {

using namespace std::chrono_literals;

std::string request(const std::string& fields) {
  return "GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}

TEST(CookieJar, FindsTheServerThatARequestNames) {
  const CookieJar jar({}, {"aaa", "bbb"});
  EXPECT_EQ(jar.find(request("Cookie: LBSRV=bbb\r\n")), 1U);
  EXPECT_EQ(jar.find(request("X: y\r\ncookie: a=1; LBSRV=aaa; c=2\r\n")), 0U);
  EXPECT_EQ(jar.find(request("Cookie: LBSRV=gone\r\nCookie: LBSRV=bbb\r\n")), 1U)
      << "one that is not ours does not hide one that is";
}

TEST(CookieJar, FindsNoneElse) {
  const CookieJar jar({}, {"aaa", "bbb"});
  for (const auto* fields :
       {"", "Cookie: \r\n", "Cookie: LBSRV\r\n", "Cookie: LBSRV=aaaa\r\n", "Cookie: lbsrv=aaa\r\n",
        "Cookie: XLBSRV=aaa\r\n", "X-Cookie: LBSRV=aaa\r\n", "Cookie: LBSRV=10.0.0.1\r\n"}) {
    EXPECT_EQ(jar.find(request(fields)), std::nullopt) << fields;
  }
}

TEST(CookieJar, MakesALineWithDefaults) {
  const CookieJar jar({}, {"aaa"});
  EXPECT_EQ(jar.line_for(0, CookieJar::Over::kPlain),
            "Set-Cookie: LBSRV=aaa; Path=/; HttpOnly; SameSite=Lax\r\n");
  EXPECT_EQ(jar.line_for(0, CookieJar::Over::kTls),
            "Set-Cookie: LBSRV=aaa; Path=/; HttpOnly; Secure; SameSite=Lax\r\n");
}

TEST(CookieJar, MakesALineWithEverything) {
  CookieConfig config;
  config.name = "S";
  config.path = "/shop";
  config.domain = "example.org";
  config.max_age = 90min;
  config.http_only = false;
  config.secure = CookieSecure::kOn;
  config.same_site = CookieSameSite::kNone;
  const CookieJar jar(config, {"aaa"});
  EXPECT_EQ(
      jar.line_for(0, CookieJar::Over::kPlain),
      "Set-Cookie: S=aaa; Path=/shop; Domain=example.org; Max-Age=5400; Secure; SameSite=None\r\n");
  config.secure = CookieSecure::kOff;
  config.same_site = CookieSameSite::kStrict;
  EXPECT_EQ(CookieJar(config, {"aaa"}).line_for(0, CookieJar::Over::kTls),
            "Set-Cookie: S=aaa; Path=/shop; Domain=example.org; Max-Age=5400; SameSite=Strict\r\n");
}

}  // namespace
}  // namespace sluice::proxy
