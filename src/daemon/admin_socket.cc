#include "daemon/admin_socket.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "sluice/admin.h"

namespace sluice::daemon {
namespace {

constexpr mode_t kFolderMode = 0755;
constexpr sys::UnixListenerRules kRules{"admin socket", "set admin.socket", "another sluice", 0660,
                                        128};

std::string folder_of(const std::string& path) {
  return std::filesystem::path(path).parent_path().string();
}

bool is_default(const std::string& path) {
  return path == kSystemAdminSocket || path == user_admin_socket();
}

}  // namespace

Result<std::string> default_admin_socket() {
  const bool may_write = ::access(folder_of(kSystemAdminSocket).c_str(), W_OK | X_OK) == 0;
  if (::geteuid() == 0 || may_write) return kSystemAdminSocket;
  if (auto own = user_admin_socket()) return *std::move(own);
  return fail("no place for the admin socket: set admin.socket, or XDG_RUNTIME_DIR");
}

Result<sys::UnixListener> listen_admin(const std::string& path) {
  if (is_default(path) && ::mkdir(folder_of(path).c_str(), kFolderMode) != 0 && errno != EEXIST) {
    return fail("admin socket " + path + ": no folder for it: " + std::strerror(errno) +
                ": create it, or set admin.socket");
  }
  return sys::UnixListener::listen(path, kRules);
}

}  // namespace sluice::daemon
