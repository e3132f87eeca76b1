#include "sluice/error.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return fail("an odd number has no half", ExitCode::kNo);
  return number / 2;
}

TEST(Result, CarriesAValueOrAnError) {
  EXPECT_EQ(*half(8), 4);
  const auto odd = half(7);
  ASSERT_FALSE(odd.has_value());
  EXPECT_EQ(odd.error().text, "an odd number has no half");
  EXPECT_EQ(odd.error().exit_code, ExitCode::kNo);
}

TEST(Result, AFailureIsUnavailabilityUnlessItSaysOtherwise) {
  const Result<int> failed = fail("no");
  EXPECT_EQ(failed.error().exit_code, ExitCode::kUnavailable);
}

TEST(Diagnostic, NamesThePlaceTheKeyAndTheText) {
  const Diagnostic error{"a.yaml", 3, 14, Severity::kError, "workers", "is not a number"};
  EXPECT_EQ(error.to_string(), "a.yaml:3:14: error: workers: is not a number");
}

TEST(Diagnostic, LeavesOutWhatIsUnknown) {
  EXPECT_EQ((Diagnostic{"a.yaml", 0, 0, Severity::kError, "", "cannot be read"}).to_string(),
            "a.yaml: error: cannot be read");
  EXPECT_EQ((Diagnostic{"a.yaml", 2, 1, Severity::kNotice, "", "is idle"}).to_string(),
            "a.yaml:2:1: notice: is idle");
}

}  // namespace
}  // namespace sluice
