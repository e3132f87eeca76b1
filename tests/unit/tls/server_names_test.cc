#include "tls/server_names.h"

#include <gtest/gtest.h>

namespace sluice::tls {
namespace {

TEST(ServerNames, ExactBeforeOneLabelWildcard) {
  ServerNames names;
  names.add("*.example.com", 1);
  names.add("shop.example.com", 2);
  EXPECT_EQ(names.find("shop.example.com"), 2U);
  EXPECT_EQ(names.find("other.example.com"), 1U);
  EXPECT_EQ(names.find("example.com"), std::nullopt);
  EXPECT_EQ(names.find("a.b.example.com"), std::nullopt);
  EXPECT_EQ(names.find(".example.com"), std::nullopt);
  EXPECT_EQ(names.find(""), std::nullopt);
}

TEST(ServerNames, CaseAndTheFinalDotDoNotCount) {
  ServerNames names;
  names.add("Shop.Example.com.", 3);
  EXPECT_EQ(names.find("sHOP.example.COM"), 3U);
  EXPECT_EQ(names.find("shop.example.com."), 3U);
  EXPECT_EQ(names.find("shop.example.com.."), std::nullopt);
}

TEST(ServerNames, TheFirstOfEqualPatternsStays) {
  ServerNames names;
  names.add("a.test", 1);
  names.add("A.test", 2);
  EXPECT_EQ(names.find("a.test"), 1U);
}

}  // namespace
}  // namespace sluice::tls
