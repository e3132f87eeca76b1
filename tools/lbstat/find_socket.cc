#include "lbstat/find_socket.h"

#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "sluice/admin.h"

namespace sluice::lbstat {
namespace {

/// 0 where somebody listens at the path, else the errno of the attempt.
int try_connecting(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) return ENAMETOOLONG;
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  const auto* plain = reinterpret_cast<const sockaddr*>(&address);
  const int error = ::connect(fd, plain, sizeof address) == 0 ? 0 : errno;
  ::close(fd);
  return error;
}

/// Who may: the socket's group, where it can be seen.
std::string permission_remedy(const std::string& path) {
  struct stat file {};
  if (::stat(path.c_str(), &file) != 0 || (file.st_mode & S_IWGRP) == 0 || file.st_gid == 0) {
    return "use sudo";
  }
  const group* entry = ::getgrgid(file.st_gid);
  const std::string name = entry != nullptr ? entry->gr_name : std::to_string(file.st_gid);
  return "use sudo, or become a member of the group " + name;
}

Error explain(const std::string& path, int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return {"no admin socket at " + path + ": is sluice running? (--socket says where else)"};
    case ECONNREFUSED:
      return {"nobody answers at " + path + ": sluice has ended, start it again"};
    case EACCES:
    case EPERM:
      return {"no permission for " + path + ": " + permission_remedy(path)};
    default:
      return {"cannot connect to " + path + ": " + std::strerror(error)};
  }
}

}  // namespace

Result<std::string> find_socket(const std::optional<std::string>& asked) {
  if (asked) {
    if (const int error = try_connecting(*asked)) return tl::unexpected(explain(*asked, error));
    return *asked;
  }
  std::vector<std::string> places{kSystemAdminSocket};
  if (auto own = user_admin_socket()) places.push_back(*std::move(own));
  std::optional<Error> found_but;  // what is wrong with a socket that is there
  std::string listed;
  for (const std::string& place : places) {
    const int error = try_connecting(place);
    if (error == 0) return place;
    if (error != ENOENT && !found_but) found_but = explain(place, error);
    listed += (listed.empty() ? "" : " or ") + place;
  }
  if (found_but) return tl::unexpected(*found_but);
  return fail("no admin socket at " + listed + ": is sluice running? (--socket says where else)");
}

}  // namespace sluice::lbstat
