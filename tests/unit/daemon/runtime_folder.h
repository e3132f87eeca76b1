// A fixture whose XDG_RUNTIME_DIR is a folder of its own.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>
#include <string>

#include "scratch_folder.h"

namespace sluice::daemon {

class RuntimeFolderTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const char* value = std::getenv("XDG_RUNTIME_DIR")) before_ = value;
    ::setenv("XDG_RUNTIME_DIR", folder_.path().c_str(), 1);
  }
  void TearDown() override {
    if (before_) {
      ::setenv("XDG_RUNTIME_DIR", before_->c_str(), 1);
    } else {
      ::unsetenv("XDG_RUNTIME_DIR");
    }
  }

  ScratchFolder folder_;

 private:
  std::optional<std::string> before_;
};

}  // namespace sluice::daemon
