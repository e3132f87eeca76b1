// The UNIX socket of the admin interface: a listening descriptor and the file that leads to it.
//
// The file has mode 0660 from its first moment. A file that a dead process left behind is taken
// over; one that a living process answers on is not. The file is removed with the object, but only
// if it is still the one that this object made. Control thread.
#pragma once

#include <sys/types.h>

#include <string>

#include "sluice/error.h"
#include "sys/fd.h"

namespace sluice::daemon {

/// Where the socket is when the configuration does not say: /run/sluice/admin.sock for root and for
/// whoever may write that folder (a service with RuntimeDirectory=sluice), else
/// $XDG_RUNTIME_DIR/sluice/admin.sock. Fails where there is neither.
[[nodiscard]] Result<std::string> default_admin_socket();

class AdminSocket {
 public:
  /// Binds and listens, non-blocking. Creates the folder of `path` if it is the default one.
  [[nodiscard]] static Result<AdminSocket> listen(const std::string& path);

  AdminSocket(AdminSocket&& other) noexcept;
  AdminSocket& operator=(AdminSocket&& other) noexcept;
  /// Closes what is left of the descriptor and removes the file if it is still ours.
  ~AdminSocket();

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  /// Whether the path still leads to this socket; somebody may have removed or replaced the file.
  [[nodiscard]] bool is_in_place() const noexcept;

  /// Gives the listening descriptor to whoever accepts on it; the file stays this object's.
  [[nodiscard]] sys::Fd take_fd() noexcept { return std::move(fd_); }

 private:
  AdminSocket(sys::Fd fd, std::string path, dev_t device, ino_t inode) noexcept;
  void remove_file() noexcept;

  sys::Fd fd_;
  std::string path_;  ///< empty = moved from
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace sluice::daemon
