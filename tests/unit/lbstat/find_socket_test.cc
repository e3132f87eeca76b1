#include "lbstat/find_socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
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
#include "sluice/admin.h"
#include "sys/fd.h"

namespace sluice::lbstat {
namespace {

using testing::HasSubstr;

/// Binds a socket to the path; `backlog` of nothing = nobody listens.
sys::Fd make_socket(const std::string& path, std::optional<int> backlog) {
  sys::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, path.c_str());
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  if (backlog) {
    EXPECT_EQ(::listen(fd.get(), *backlog), 0);
  }
  return fd;
}

class FindSocket : public daemon::RuntimeFolderTest {};

TEST_F(FindSocket, TheOneAskedFor) {
  const std::string path = folder_.file("admin.sock");
  const sys::Fd fd = make_socket(path, 5);
  EXPECT_EQ(find_socket(path), path);
}

TEST_F(FindSocket, NoneThere) {
  const auto found = find_socket(folder_.file("none.sock"));
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().text, "no admin socket at " + folder_.file("none.sock") +
                                    ": is sluice running? (--socket says where else)");
  EXPECT_EQ(found.error().exit_code, ExitCode::kUnavailable);
}

TEST_F(FindSocket, NobodyListens) {
  const std::string path = folder_.file("stale.sock");
  const sys::Fd fd = make_socket(path, std::nullopt);
  EXPECT_EQ(find_socket(path).error().text,
            "nobody answers at " + path + ": sluice has ended, start it again");
}

TEST_F(FindSocket, NoSocketAtAll) {
  const std::string path = folder_.file("file");
  std::ofstream{path};
  EXPECT_THAT(find_socket(path).error().text, HasSubstr("nobody answers at "));
  EXPECT_THAT(find_socket(std::string(200, 'x')).error().text, HasSubstr("File name too long"));
  EXPECT_THAT(find_socket("").error().text, HasSubstr("cannot connect to "));
}

/// Root may enter everywhere, so another user asks in a child of its own.
TEST_F(FindSocket, NoPermission) {
  const std::string path = folder_.file("admin.sock");
  const sys::Fd fd = make_socket(path, 5);
  ASSERT_EQ(::chmod(path.c_str(), 0660), 0);
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0755), 0);
  if (::geteuid() != 0) GTEST_SKIP() << "runs as root only";
  constexpr gid_t kAdministrators = 4;  // adm, Debian's base-passwd
  ASSERT_EQ(::chown(path.c_str(), 0, kAdministrators), 0);
  EXPECT_EXIT(
      {
        constexpr uid_t kNobody = 65534;
        if (::setgid(kNobody) != 0 || ::setuid(kNobody) != 0) std::_Exit(9);
        const auto found = find_socket(path);
        std::fprintf(stderr, "%s\n", found ? "found" : found.error().text.c_str());
        std::_Exit(found ? 8 : 3);
      },
      testing::ExitedWithCode(3),
      "no permission for .*/admin.sock: use sudo, or become a member of the group adm");
}

TEST_F(FindSocket, TheUsersOwnWhereTheSystemHasNone) {
  const bool system_runs = ::access(kSystemAdminSocket, F_OK) == 0;
  if (system_runs) GTEST_SKIP() << "a sluice of the system is there";
  const auto missing = find_socket(std::nullopt);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().text, "no admin socket at /run/sluice/admin.sock or " +
                                      folder_.file("sluice/admin.sock") +
                                      ": is sluice running? (--socket says where else)");
  ASSERT_EQ(::mkdir(folder_.file("sluice").c_str(), 0755), 0);
  {
    const sys::Fd stale = make_socket(folder_.file("sluice/admin.sock"), std::nullopt);
    EXPECT_THAT(find_socket(std::nullopt).error().text, HasSubstr("sluice has ended"));
  }
  ::unlink(folder_.file("sluice/admin.sock").c_str());
  const sys::Fd fd = make_socket(folder_.file("sluice/admin.sock"), 5);
  EXPECT_EQ(find_socket(std::nullopt), folder_.file("sluice/admin.sock"));
}

}  // namespace
}  // namespace sluice::lbstat
