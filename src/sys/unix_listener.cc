#include "sys/unix_listener.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace sluice::sys {
namespace {

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

const sockaddr* as_sockaddr(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

/// A listener in the making: the place, and how to speak of it.
class Maker {
 public:
  Maker(const std::string& path, const UnixListenerRules& rules) : path_(path), rules_(rules) {}

  [[nodiscard]] Result<sockaddr_un> make_address() const;
  [[nodiscard]] Result<Fd> lock_folder() const;
  [[nodiscard]] Result<void> remove_stale(const sockaddr_un& address) const;
  [[nodiscard]] Result<Fd> bind_and_listen(const sockaddr_un& address) const;
  [[nodiscard]] tl::unexpected<Error> refuse(int error) const;

 private:
  [[nodiscard]] tl::unexpected<Error> refuse(const std::string& why) const {
    return fail(std::string(rules_.what) + ' ' + path_ + ": " + why);
  }
  [[nodiscard]] std::string or_advice() const { return ", or " + std::string(rules_.advice); }

  const std::string& path_;
  const UnixListenerRules& rules_;
};

/// One line that names the remedy for what bind(2) or open(2) refused.
tl::unexpected<Error> Maker::refuse(int error) const {
  std::string remedy;
  if (error == EACCES || error == EPERM || error == EROFS) {
    remedy = ": run as a user who may write " + folder_of(path_) + or_advice();
  } else if (error == ENOENT || error == ENOTDIR) {
    remedy = ": create the folder " + folder_of(path_) + or_advice();
  }
  return refuse(std::strerror(error) + remedy);
}

Result<sockaddr_un> Maker::make_address() const {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path_.empty() || path_.size() >= sizeof address.sun_path) {
    return refuse("the path may have 1 to " + std::to_string(sizeof address.sun_path - 1) +
                  " bytes: shorten it" + or_advice());
  }
  std::memcpy(address.sun_path, path_.data(), path_.size());
  return address;
}

/// Holds the folder against other instances that look at the same file at the same moment
/// (flock(2)); released with the descriptor. The kernel releases it when a process dies.
Result<Fd> Maker::lock_folder() const {
  Fd folder(::open(folder_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.is_open()) return refuse(errno);
  if (::flock(folder.get(), LOCK_EX | LOCK_NB) != 0) {
    return refuse("another process is starting in this folder: try again");
  }
  return folder;
}

/// Removes the file of a process that has died. Fails if anybody answers there, or if the file is
/// no socket. A full backlog (EAGAIN) is a living process as well.
Result<void> Maker::remove_stale(const sockaddr_un& address) const {
  struct stat file {};
  if (::lstat(path_.c_str(), &file) != 0) {
    if (errno == ENOENT) return {};
    return refuse(errno);
  }
  if (!S_ISSOCK(file.st_mode)) {
    return refuse("a file that is no socket is there: remove it" + or_advice());
  }
  const Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe.is_open()) return refuse(errno);
  if (::connect(probe.get(), as_sockaddr(address), sizeof address) == 0 || errno == EAGAIN) {
    return refuse(std::string(rules_.rival) + " is running there: stop it" + or_advice());
  }
  if (errno != ECONNREFUSED) return refuse(errno);
  if (::unlink(path_.c_str()) != 0 && errno != ENOENT) return refuse(errno);
  return {};
}

/// Binds with the final mode. bind(2) gives the file the mode of the socket's own inode less the
/// umask (unix(7), Linux), so that nobody can enter before; chmod(2) then puts back what the umask
/// took, and nobody is served before listen(2).
Result<Fd> Maker::bind_and_listen(const sockaddr_un& address) const {
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.is_open() || ::fchmod(fd.get(), rules_.mode) != 0) return refuse(errno);
  if (::bind(fd.get(), as_sockaddr(address), sizeof address) != 0) return refuse(errno);
  if (::chmod(path_.c_str(), rules_.mode) != 0 || ::listen(fd.get(), rules_.backlog) != 0) {
    const int error = errno;
    ::unlink(path_.c_str());
    return refuse(error);
  }
  return fd;
}

}  // namespace

Result<UnixListener> UnixListener::listen(const std::string& path, const UnixListenerRules& rules) {
  const Maker maker(path, rules);
  const auto address = maker.make_address();
  if (!address) return tl::unexpected(address.error());
  const auto lock = maker.lock_folder();
  if (!lock) return tl::unexpected(lock.error());
  if (auto removed = maker.remove_stale(*address); !removed) {
    return tl::unexpected(removed.error());
  }
  auto fd = maker.bind_and_listen(*address);
  if (!fd) return tl::unexpected(fd.error());
  struct stat file {};
  if (::lstat(path.c_str(), &file) != 0) return maker.refuse(errno);
  return UnixListener(*std::move(fd), path, file.st_dev, file.st_ino);
}

UnixListener::UnixListener(Fd fd, std::string path, dev_t device, ino_t inode) noexcept
    : fd_(std::move(fd)), path_(std::move(path)), device_(device), inode_(inode) {}

UnixListener::UnixListener(UnixListener&& other) noexcept
    : fd_(std::move(other.fd_)),
      path_(std::exchange(other.path_, {})),
      device_(other.device_),
      inode_(other.inode_) {}

UnixListener& UnixListener::operator=(UnixListener&& other) noexcept {
  if (this == &other) return *this;
  remove_file();
  fd_ = std::move(other.fd_);
  path_ = std::exchange(other.path_, {});
  device_ = other.device_;
  inode_ = other.inode_;
  return *this;
}

UnixListener::~UnixListener() {
  remove_file();
}

bool UnixListener::is_in_place() const noexcept {
  struct stat file {};
  return !path_.empty() && ::lstat(path_.c_str(), &file) == 0 && file.st_dev == device_ &&
         file.st_ino == inode_;
}

void UnixListener::set_mode(mode_t mode) const noexcept {
  // Failure leaves the old one: the folder's owner has taken the file away from us.
  if (is_in_place()) static_cast<void>(::chmod(path_.c_str(), mode));
}

void UnixListener::remove_file() noexcept {
  if (is_in_place()) ::unlink(path_.c_str());
}

}  // namespace sluice::sys
