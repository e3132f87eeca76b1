#include "daemon/admin_socket.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "sluice/admin.h"

namespace sluice::daemon {
namespace {

constexpr mode_t kSocketMode = 0660;
constexpr mode_t kFolderMode = 0755;
constexpr int kBacklog = 128;

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

/// One line that names the remedy for what bind(2) or open(2) refused.
tl::unexpected<Error> refuse(const std::string& path, int error) {
  std::string remedy;
  if (error == EACCES || error == EPERM || error == EROFS) {
    remedy = ": run as a user who may write " + folder_of(path) + ", or set admin.socket";
  } else if (error == ENOENT || error == ENOTDIR) {
    remedy = ": create the folder " + folder_of(path) + ", or set admin.socket";
  }
  return fail("admin socket " + path + ": " + std::strerror(error) + remedy);
}

bool is_default(const std::string& path) {
  return path == kSystemAdminSocket || path == user_admin_socket();
}

Result<sockaddr_un> make_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return fail("admin socket " + path + ": the path may have 1 to " +
                std::to_string(sizeof address.sun_path - 1) + " bytes: set a shorter admin.socket");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

const sockaddr* as_sockaddr(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

/// Holds the folder against other instances that look at the same file at the same moment
/// (flock(2)); released with the descriptor. The kernel releases it when a process dies.
Result<sys::Fd> lock_folder(const std::string& path) {
  sys::Fd folder(::open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.is_open()) return refuse(path, errno);
  if (::flock(folder.get(), LOCK_EX | LOCK_NB) != 0) {
    return fail("admin socket " + path + ": another process is starting in this folder: try again");
  }
  return folder;
}

/// Removes the file of a process that has died. Fails if anybody answers there, or if the file is
/// no socket. A full backlog (EAGAIN) is a living process as well.
Result<void> remove_stale(const std::string& path, const sockaddr_un& address) {
  struct stat file {};
  if (::lstat(path.c_str(), &file) != 0) {
    if (errno == ENOENT) return {};
    return refuse(path, errno);
  }
  if (!S_ISSOCK(file.st_mode)) {
    return fail("admin socket " + path + ": a file that is no socket is there: remove it, or set " +
                "admin.socket");
  }
  const sys::Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe.is_open()) return refuse(path, errno);
  if (::connect(probe.get(), as_sockaddr(address), sizeof address) == 0 || errno == EAGAIN) {
    return fail("admin socket " + path +
                ": another sluice is running there: stop it, or set admin.socket");
  }
  if (errno != ECONNREFUSED) return refuse(path, errno);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return refuse(path, errno);
  return {};
}

/// Binds with the final mode. bind(2) gives the file the mode of the socket's own inode less the
/// umask (unix(7), Linux), so that nobody can enter before; chmod(2) then puts back what the umask
/// took, and nobody is served before listen(2).
Result<sys::Fd> bind_and_listen(const std::string& path, const sockaddr_un& address) {
  sys::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.is_open() || ::fchmod(fd.get(), kSocketMode) != 0) return refuse(path, errno);
  if (::bind(fd.get(), as_sockaddr(address), sizeof address) != 0) return refuse(path, errno);
  if (::chmod(path.c_str(), kSocketMode) != 0 || ::listen(fd.get(), kBacklog) != 0) {
    const int error = errno;
    ::unlink(path.c_str());
    return refuse(path, error);
  }
  return fd;
}

}  // namespace

Result<std::string> default_admin_socket() {
  const bool may_write = ::access(folder_of(kSystemAdminSocket).c_str(), W_OK | X_OK) == 0;
  if (::geteuid() == 0 || may_write) return kSystemAdminSocket;
  if (auto own = user_admin_socket()) return *std::move(own);
  return fail("no place for the admin socket: set admin.socket, or XDG_RUNTIME_DIR");
}

Result<AdminSocket> AdminSocket::listen(const std::string& path) {
  const auto address = make_address(path);
  if (!address) return tl::unexpected(address.error());
  if (is_default(path) && ::mkdir(folder_of(path).c_str(), kFolderMode) != 0 && errno != EEXIST) {
    return refuse(path, errno);
  }
  const auto lock = lock_folder(path);
  if (!lock) return tl::unexpected(lock.error());
  if (auto removed = remove_stale(path, *address); !removed) return tl::unexpected(removed.error());
  auto fd = bind_and_listen(path, *address);
  if (!fd) return tl::unexpected(fd.error());
  struct stat file {};
  if (::lstat(path.c_str(), &file) != 0) return refuse(path, errno);
  return AdminSocket(*std::move(fd), path, file.st_dev, file.st_ino);
}

AdminSocket::AdminSocket(sys::Fd fd, std::string path, dev_t device, ino_t inode) noexcept
    : fd_(std::move(fd)), path_(std::move(path)), device_(device), inode_(inode) {}

AdminSocket::AdminSocket(AdminSocket&& other) noexcept
    : fd_(std::move(other.fd_)),
      path_(std::exchange(other.path_, {})),
      device_(other.device_),
      inode_(other.inode_) {}

AdminSocket& AdminSocket::operator=(AdminSocket&& other) noexcept {
  if (this == &other) return *this;
  remove_file();
  fd_ = std::move(other.fd_);
  path_ = std::exchange(other.path_, {});
  device_ = other.device_;
  inode_ = other.inode_;
  return *this;
}

AdminSocket::~AdminSocket() {
  remove_file();
}

bool AdminSocket::is_in_place() const noexcept {
  struct stat file {};
  return !path_.empty() && ::lstat(path_.c_str(), &file) == 0 && file.st_dev == device_ &&
         file.st_ino == inode_;
}

void AdminSocket::remove_file() noexcept {
  if (is_in_place()) ::unlink(path_.c_str());
}

}  // namespace sluice::daemon
