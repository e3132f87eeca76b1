#include "config/read_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "sys/fd.h"

namespace sluice::config {

namespace {

std::string size_text(std::size_t bytes) {
  constexpr auto kMiB = std::size_t{1024} * 1024;
  return bytes >= kMiB ? std::to_string((bytes + kMiB - 1) / kMiB) + " MiB"
                       : std::to_string(bytes) + " bytes";
}

std::string errno_text(int code) {
  switch (code) {
    case ENOENT:
      return "does not exist";
    case EACCES:
      return "cannot be read: permission denied";
    case ELOOP:
      return "cannot be read: too many symbolic links";
    default:
      return "cannot be read: " + std::generic_category().message(code);
  }
}

std::string kind_text(mode_t mode) {
  if (S_ISDIR(mode)) return "is a directory, not a file";
  if (S_ISFIFO(mode)) return "is a FIFO, not a regular file";
  if (S_ISSOCK(mode)) return "is a socket, not a regular file";
  return "is a device, not a regular file";
}

Result<std::string> read_all(int fd, std::size_t expected, std::size_t max_bytes) {
  // One more than expected, and something for the files of /proc, whose size says 0.
  std::string text(std::max(expected + 1, std::size_t{4096}), '\0');
  std::size_t filled = 0;
  while (true) {
    const ssize_t got = ::read(fd, text.data() + filled, text.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(errno_text(errno), ExitCode::kNo);
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
    if (filled > max_bytes) {
      return fail("is too large: at most " + size_text(max_bytes) + " are read", ExitCode::kNo);
    }
    if (filled == text.size()) text.resize(text.size() * 2);
  }
  text.resize(filled);
  return text;
}

}  // namespace

Result<std::string> read_file(const std::filesystem::path& path, std::size_t max_bytes) {
  const sys::Fd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  if (!fd.is_open()) {
    // A socket in the file system cannot be opened at all: ENXIO.
    if (errno == ENXIO) return fail("is a socket, not a regular file", ExitCode::kNo);
    return fail(errno_text(errno), ExitCode::kNo);
  }
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return fail(errno_text(errno), ExitCode::kNo);
  if (!S_ISREG(status.st_mode)) return fail(kind_text(status.st_mode), ExitCode::kNo);
  const auto bytes = static_cast<std::size_t>(status.st_size);
  if (bytes > max_bytes) {
    return fail(
        "is too large: " + size_text(bytes) + ", and at most " + size_text(max_bytes) + " are read",
        ExitCode::kNo);
  }
  return read_all(fd.get(), bytes, max_bytes);
}

}  // namespace sluice::config
