// What the admin interface's socket does (daemon/admin_socket_test.cc) is done by this class.
#include "sys/unix_listener.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <utility>

namespace sluice::sys {
namespace {

constexpr UnixListenerRules kRules{"cannot listen on", "choose another path", "another program",
                                   0640, 8};

class UnixListenerTest : public testing::Test {
 protected:
  UnixListenerTest() { EXPECT_NE(::mkdtemp(folder_.data()), nullptr); }
  ~UnixListenerTest() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string path() const { return folder_ + "/a.sock"; }
  [[nodiscard]] unsigned mode() const {
    struct stat file {};
    EXPECT_EQ(::stat(path().c_str(), &file), 0);
    return file.st_mode & 0777U;
  }

 private:
  std::string folder_ = "/tmp/sluice-XXXXXX";
};

TEST_F(UnixListenerTest, HasItsModeAndRemovesItsFile) {
  {
    auto listener = UnixListener::listen(path(), kRules);
    ASSERT_TRUE(listener) << listener.error().text;
    EXPECT_EQ(mode(), 0640U);
    listener->set_mode(0600);
    EXPECT_EQ(mode(), 0600U);
    const Fd fd = listener->take_fd();
    const UnixListener moved = std::move(*listener);
    EXPECT_TRUE(moved.is_in_place());
  }
  EXPECT_NE(::access(path().c_str(), F_OK), 0);
}

TEST_F(UnixListenerTest, SaysWhoIsThere) {
  const auto first = UnixListener::listen(path(), kRules);
  const auto second = UnixListener::listen(path(), kRules);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().text, "cannot listen on " + path() +
                                     ": another program is running there: stop it, or choose "
                                     "another path");
}

TEST_F(UnixListenerTest, LeavesAnothersFileAlone) {
  {
    const auto listener = UnixListener::listen(path(), kRules);
    ASSERT_EQ(::unlink(path().c_str()), 0);
    ASSERT_EQ(::mkdir(path().c_str(), 0755), 0);
    listener->set_mode(0600);
    EXPECT_EQ(mode(), 0755U);
  }
  EXPECT_EQ(::access(path().c_str(), F_OK), 0);
}

}  // namespace
}  // namespace sluice::sys
