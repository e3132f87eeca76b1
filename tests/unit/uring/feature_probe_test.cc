// Needs io_uring: where the system refuses it, the tests fail with the reason.
#include "uring/feature_probe.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

namespace sluice::uring {
namespace {

TEST(ProbeFeatures, EveryFeatureThatIsOffHasAReasonAndNoOther) {
  const auto features = probe_features();
  ASSERT_TRUE(features.has_value()) << features.error().text;
  std::set<std::string> names;
  for (const Feature& feature : *features) {
    EXPECT_TRUE(names.insert(feature.name).second) << feature.name << " twice";
    EXPECT_EQ(feature.reason.empty(), feature.is_available) << feature.name;
  }
}

TEST(ProbeFeatures, ThisKernelHasWhatIsRequired) {
  const auto features = probe_features();
  ASSERT_TRUE(features.has_value()) << features.error().text;
  for (const Feature& feature : *features) {
    EXPECT_TRUE(feature.is_available || !feature.is_required) << feature.name << feature.reason;
  }
  const auto required = std::count_if(features->begin(), features->end(),
                                      [](const Feature& each) { return each.is_required; });
  EXPECT_EQ(required, 3);
}

}  // namespace
}  // namespace sluice::uring
