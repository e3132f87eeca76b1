#include "uring/refusal.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <fstream>
#include <string>

namespace sluice::uring {
namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// What /proc says about this process decides part of the texts.
std::string read_word(const char* path) {
  std::ifstream file(path);
  std::string word;
  file >> word;
  return word;
}

bool has_seccomp_filter() {
  std::ifstream file("/proc/self/status");
  std::string word;
  while (file >> word) {
    if (word == "Seccomp:") return (file >> word) && word == "2";
  }
  return false;
}

TEST(ExplainRefusal, IsOneLineThatBeginsWithTheError) {
  for (const int error : {EPERM, EACCES, ENOSYS, ENOMEM, EMFILE, ENFILE, EINVAL}) {
    const std::string text = explain_refusal(error);
    EXPECT_EQ(text.rfind("io_uring is refused (", 0), 0U) << text;
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
    EXPECT_NE(text.back(), '.') << text;
  }
}

TEST(ExplainRefusal, NamesTheLimitThatIsTooLow) {
  EXPECT_TRUE(has(explain_refusal(ENOMEM), "LimitMEMLOCK"));
  EXPECT_TRUE(has(explain_refusal(EMFILE), "LimitNOFILE"));
  EXPECT_TRUE(has(explain_refusal(ENFILE), "ulimit -n"));
}

TEST(ExplainRefusal, NamesTheKernelThatIsNeededForWhatItDoesNotKnow) {
  EXPECT_TRUE(has(explain_refusal(EINVAL), "needs Linux 6.1 or newer"));
}

TEST(ExplainRefusal, NamesTheFilterOrTheKernelForAMissingCall) {
  const std::string text = explain_refusal(ENOSYS);
  EXPECT_TRUE(has(text, has_seccomp_filter() ? "seccomp filter" : "is built without it")) << text;
}

TEST(ExplainRefusal, NamesTheSettingWhereThatForbidsIt) {
  const std::string disabled = read_word("/proc/sys/kernel/io_uring_disabled");
  const std::string text = explain_refusal(EPERM);
  const bool names_setting = has(text, "sysctl kernel.io_uring_disabled=0");
  EXPECT_EQ(names_setting, disabled == "1" || disabled == "2") << text;
  EXPECT_EQ(has(text, "seccomp"), !names_setting && has_seccomp_filter()) << text;
}

}  // namespace
}  // namespace sluice::uring
