#include "daemon/file_watch.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "scratch_folder.h"

namespace sluice::daemon {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

void write(const std::string& file, const std::string& text) {
  std::ofstream(file) << text;
}

class FileWatchTest : public testing::Test {
 protected:
  FileWatchTest() { write(file_, "one"); }

  void watch() {
    Config config;
    config.watch = true;
    watch_.follow(config);
  }
  bool is_told() {
    const auto end = std::chrono::steady_clock::now() + 30s;
    while (changes_.empty() && std::chrono::steady_clock::now() < end) run_for(5ms);
    return !std::exchange(changes_, {}).empty();
  }
  void run_for(std::chrono::milliseconds time) {
    io_.restart();
    io_.run_for(time);
  }

  ScratchFolder folder_;
  const std::string file_ = folder_.file("sluice.yaml");
  boost::asio::io_context io_;
  std::vector<std::string> changes_;
  FileWatch watch_{io_, file_, [this](const std::string& file) { changes_.push_back(file); },
                   [](LogLevel, const std::string& line) { ADD_FAILURE() << line; }};
};

TEST_F(FileWatchTest, ToldOnceOfEverySave) {
  watch();
  write(file_, "another");
  EXPECT_TRUE(is_told());
  run_for(300ms);
  EXPECT_TRUE(changes_.empty());
  write(folder_.file("new"), "a third");
  fs::rename(folder_.file("new"), file_);
  EXPECT_TRUE(is_told());
}

TEST_F(FileWatchTest, ManySavesAtOnceAreOne) {
  watch();
  for (int i = 0; i < 20; ++i) write(file_, "version " + std::to_string(i));
  EXPECT_TRUE(is_told());
  run_for(300ms);
  EXPECT_TRUE(changes_.empty());
}

TEST_F(FileWatchTest, AFileThatIsNotThereIsWaitedFor) {
  watch();
  fs::remove(file_);
  run_for(300ms);
  EXPECT_TRUE(changes_.empty());
  write(file_, "again");
  EXPECT_TRUE(is_told());
}

TEST_F(FileWatchTest, WhatWasReadByOthersIsNoChange) {
  watch();
  write(file_, "another");
  watch_.note_reading();
  run_for(300ms);
  EXPECT_TRUE(changes_.empty());
}

TEST_F(FileWatchTest, NothingOnceItHasStopped) {
  watch();
  watch_.follow(Config{});
  write(file_, "another");
  run_for(300ms);
  EXPECT_TRUE(changes_.empty());
}

TEST_F(FileWatchTest, CertificatesCount) {
  fs::create_directory(folder_.file("tls"));
  const std::string key = folder_.file("tls/shop.key");
  write(key, "key");
  Config config;
  config.watch = true;
  config.certificates.push_back({"shop", folder_.file("tls/shop.pem"), key, {}});
  watch_.follow(config);
  write(key, "another key");
  EXPECT_TRUE(is_told());
}

TEST_F(FileWatchTest, LinksAboveTheFile) {
  const fs::path root = fs::canonical(folder_.path());
  fs::create_directories(root / "releases/1");
  write(root / "releases/1/real.yaml", "x");
  fs::create_directory_symlink("releases/1", root / "current");
  fs::create_symlink("real.yaml", root / "releases/1/sluice.yaml");
  const auto folders = folders_on_the_way(root / "current/sluice.yaml");
  EXPECT_EQ(folders, (std::set<std::string>{root, root / "current", root / "releases/1"}));
}

}  // namespace
}  // namespace sluice::daemon
