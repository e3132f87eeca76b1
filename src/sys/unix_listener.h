// A listening UNIX socket: a descriptor and the file that leads to it.
//
// The file has its mode from its first moment. A file that a dead process left behind is taken
// over; one that a living process answers on is not. The file is removed with the object, but only
// if it is still the one that this object made. One thread at a time.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "sluice/error.h"
#include "sys/fd.h"

namespace sluice::sys {

/// How a UNIX listener is made, and what is said where it cannot be.
struct UnixListenerRules {
  std::string_view what;    ///< what stands before the path in messages: `admin socket`
  std::string_view advice;  ///< how to choose another path: `set admin.socket`
  std::string_view rival;   ///< who else may listen there: `another sluice`
  mode_t mode = 0;
  int backlog = 0;
};

class UnixListener {
 public:
  /// Binds and listens, non-blocking. A path has 1 to 107 bytes.
  [[nodiscard]] static Result<UnixListener> listen(const std::string& path,
                                                   const UnixListenerRules& rules);

  UnixListener(UnixListener&& other) noexcept;
  UnixListener& operator=(UnixListener&& other) noexcept;
  /// Closes what is left of the descriptor and removes the file if it is still ours.
  ~UnixListener();

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  /// Whether the path still leads to this socket; somebody may have removed or replaced the file.
  [[nodiscard]] bool is_in_place() const noexcept;

  /// Another mode for the file, if it is still ours.
  void set_mode(mode_t mode) const noexcept;

  [[nodiscard]] const Fd& fd() const noexcept { return fd_; }
  /// Gives the listening descriptor to whoever accepts on it; the file stays this object's.
  [[nodiscard]] Fd take_fd() noexcept { return std::move(fd_); }

 private:
  UnixListener(Fd fd, std::string path, dev_t device, ino_t inode) noexcept;
  void remove_file() noexcept;

  Fd fd_;
  std::string path_;  ///< empty = moved from
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace sluice::sys
