#include "daemon/admin_target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::daemon {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

TEST(AdminTarget, PathAndParameters) {
  const auto target = parse_target("/v1/sessions?backend=shop&limit=10");
  ASSERT_TRUE(target);
  EXPECT_THAT(target->segments, ElementsAre("v1", "sessions"));
  EXPECT_THAT(target->parameters, ElementsAre(Pair("backend", "shop"), Pair("limit", "10")));
}

TEST(AdminTarget, EscapesAreDecodedAfterTheSplit) {
  const auto target = parse_target("/v1/a%2Fb/%e2%82%ac?x%3D=a%26b");
  ASSERT_TRUE(target);
  EXPECT_THAT(target->segments, ElementsAre("v1", "a/b", "\u20ac"));
  EXPECT_THAT(target->parameters, ElementsAre(Pair("x=", "a&b")));
}

TEST(AdminTarget, APlusStaysAPlus) {
  EXPECT_THAT(parse_target("/?server=a+b/c")->parameters, ElementsAre(Pair("server", "a+b/c")));
}

TEST(AdminTarget, EmptyPartsAreLeftOut) {
  const auto target = parse_target("//v1//status/?&a&=&b=");
  ASSERT_TRUE(target);
  EXPECT_THAT(target->segments, ElementsAre("v1", "status"));
  EXPECT_THAT(target->parameters, ElementsAre(Pair("a", ""), Pair("", ""), Pair("b", "")));
  EXPECT_THAT(parse_target("/")->segments, IsEmpty());
}

TEST(AdminTarget, MalformedOnes) {
  for (const char* text : {"", "v1/status", "*", "http://x/v1/status", "/%", "/%2", "/%2g", "/%-1",
                           "/%+1", "/x?a=%zz", "/x?%1=a"}) {
    EXPECT_FALSE(parse_target(text)) << text;
  }
}

}  // namespace
}  // namespace sluice::daemon
