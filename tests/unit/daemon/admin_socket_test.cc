#include "daemon/admin_socket.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <string>

#include "runtime_folder.h"
#include "scratch_folder.h"
#include "sluice/admin.h"

namespace sluice::daemon {
namespace {

using testing::HasSubstr;

class AdminSocketTest : public testing::Test {
 protected:
  [[nodiscard]] std::string path() const { return folder_.file("admin.sock"); }

  /// Whether somebody answers at the path.
  [[nodiscard]] bool can_connect() const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, path().c_str());
    const sys::Fd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
    return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }

  [[nodiscard]] bool exists() const { return ::access(path().c_str(), F_OK) == 0; }

  /// What a killed process leaves: a socket file that nobody listens on.
  void leave_stale_file() const {
    const sys::Fd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, path().c_str());
    ASSERT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }

  ScratchFolder folder_;
};

TEST_F(AdminSocketTest, ListensAndRemovesItsFile) {
  {
    const auto socket = listen_admin(path());
    ASSERT_TRUE(socket) << socket.error().text;
    EXPECT_TRUE(can_connect());
    EXPECT_TRUE(socket->is_in_place());
    EXPECT_EQ(socket->path(), path());
  }
  EXPECT_FALSE(exists());
}

TEST_F(AdminSocketTest, ModeIs0660WhateverTheUmask) {
  for (const mode_t mask : {0000U, 0022U, 0077U, 0777U}) {
    const mode_t before = ::umask(mask);
    const auto socket = listen_admin(path());
    ::umask(before);
    ASSERT_TRUE(socket) << socket.error().text;
    struct stat file {};
    ASSERT_EQ(::stat(path().c_str(), &file), 0);
    EXPECT_EQ(file.st_mode & 07777U, 0660U);
  }
}

TEST_F(AdminSocketTest, AStaleFileIsTakenOver) {
  leave_stale_file();
  ASSERT_TRUE(exists());
  const auto socket = listen_admin(path());
  ASSERT_TRUE(socket) << socket.error().text;
  EXPECT_TRUE(can_connect());
}

TEST_F(AdminSocketTest, ALivingOneIsNot) {
  const auto first = listen_admin(path());
  ASSERT_TRUE(first);
  const auto second = listen_admin(path());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().text, "admin socket " + path() +
                                     ": another sluice is running there: stop it, or set "
                                     "admin.socket");
  EXPECT_EQ(second.error().exit_code, ExitCode::kUnavailable);
  EXPECT_TRUE(first->is_in_place());
}

/// A process that has too much to do to accept lives all the same.
TEST_F(AdminSocketTest, OneWithAFullBacklogIsLivingToo) {
  const auto first = listen_admin(path());
  ASSERT_TRUE(first);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, path().c_str());
  std::vector<sys::Fd> waiting;
  int error = 0;
  while (error == 0 && waiting.size() < 10'000) {
    waiting.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
    const auto* plain = reinterpret_cast<const sockaddr*>(&address);
    if (::connect(waiting.back().get(), plain, sizeof address) != 0) error = errno;
  }
  ASSERT_EQ(error, EAGAIN);
  const auto second = listen_admin(path());
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().text, HasSubstr("another sluice is running there"));
}

TEST_F(AdminSocketTest, AnotherKindOfFileIsLeftAlone) {
  std::ofstream(path()) << "precious";
  const auto socket = listen_admin(path());
  ASSERT_FALSE(socket);
  EXPECT_THAT(socket.error().text, HasSubstr("a file that is no socket is there: remove it"));
  std::string text;
  std::ifstream(path()) >> text;
  EXPECT_EQ(text, "precious");
}

TEST_F(AdminSocketTest, OnlyItsOwnFileIsRemoved) {
  std::optional<sys::UnixListener> successor;
  {
    const auto first = listen_admin(path());
    ASSERT_TRUE(first);
    ASSERT_EQ(::unlink(path().c_str()), 0);
    EXPECT_FALSE(first->is_in_place());
    auto made = listen_admin(path());
    ASSERT_TRUE(made);
    successor.emplace(*std::move(made));
    EXPECT_FALSE(first->is_in_place());
  }
  EXPECT_TRUE(exists());
  EXPECT_TRUE(can_connect());
}

TEST_F(AdminSocketTest, MovingKeepsOneOwner) {
  auto made = listen_admin(path());
  ASSERT_TRUE(made);
  sys::UnixListener socket(*std::move(made));
  EXPECT_TRUE(can_connect());
  auto other = listen_admin(folder_.file("other.sock"));
  ASSERT_TRUE(other);
  socket = *std::move(other);
  EXPECT_FALSE(exists());
  EXPECT_EQ(socket.path(), folder_.file("other.sock"));
  EXPECT_TRUE(socket.is_in_place());
}

TEST_F(AdminSocketTest, TwoThatStartAtOnceDoNotMeet) {
  const sys::Fd folder(::open(folder_.path().c_str(), O_RDONLY | O_DIRECTORY));
  ASSERT_EQ(::flock(folder.get(), LOCK_EX), 0);
  const auto socket = listen_admin(path());
  ASSERT_FALSE(socket);
  EXPECT_THAT(socket.error().text, HasSubstr("another process is starting in this folder"));
}

TEST_F(AdminSocketTest, PathsThatCannotBe) {
  const auto long_one = listen_admin(folder_.file(std::string(200, 'x')));
  ASSERT_FALSE(long_one);
  EXPECT_THAT(long_one.error().text, HasSubstr("may have 1 to 107 bytes"));
  const auto nowhere = listen_admin(folder_.file("no/such/folder.sock"));
  ASSERT_FALSE(nowhere);
  EXPECT_THAT(nowhere.error().text,
              HasSubstr("No such file or directory: create the folder " + folder_.file("no/such")));
}

class DefaultAdminSocket : public RuntimeFolderTest {};

TEST_F(DefaultAdminSocket, ItsFolderIsMade) {
  const auto path = user_admin_socket();
  ASSERT_EQ(path, folder_.file("sluice/admin.sock"));
  EXPECT_TRUE(listen_admin(*path));
  EXPECT_TRUE(listen_admin(*path)) << "the folder is there by now";
}

TEST_F(DefaultAdminSocket, IsTheSystemsForRoot) {
  if (::geteuid() != 0) GTEST_SKIP() << "runs as root only";
  EXPECT_EQ(default_admin_socket(), kSystemAdminSocket);
}

TEST_F(DefaultAdminSocket, IsTheUsersElse) {
  if (::access("/run/sluice", W_OK) == 0 || ::geteuid() == 0)
    GTEST_SKIP() << "may write /run/sluice";
  EXPECT_EQ(default_admin_socket(), folder_.file("sluice/admin.sock"));
  ::unsetenv("XDG_RUNTIME_DIR");
  ASSERT_FALSE(default_admin_socket());
  EXPECT_EQ(default_admin_socket().error().text,
            "no place for the admin socket: set admin.socket, or XDG_RUNTIME_DIR");
}

}  // namespace
}  // namespace sluice::daemon
