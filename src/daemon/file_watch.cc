#include "daemon/file_watch.h"

#include <sys/inotify.h>
#include <sys/stat.h>

#include <boost/asio/buffer.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <utility>

namespace sluice::daemon {
namespace {

namespace fs = std::filesystem;

/// From the first sign of a change to looking at the files.
constexpr std::chrono::milliseconds kDelay{200};

/// What can put another file or another content in a place. Writes count when the file is closed.
constexpr std::uint32_t kEvents = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE |
                                  IN_DELETE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF |
                                  IN_ONLYDIR;

std::uint64_t nanoseconds(const timespec& time) {
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(time.tv_nsec);
}

}  // namespace

std::set<std::string> folders_on_the_way(const std::string& file) {
  std::error_code error;
  const fs::path path = fs::absolute(file, error);
  std::set<std::string> folders{path.parent_path()};
  fs::path so_far;
  for (const fs::path& name : path) {
    so_far /= name;
    if (fs::is_symlink(so_far, error)) folders.insert(so_far.parent_path());
  }
  const fs::path real = fs::canonical(path, error);
  if (!error) folders.insert(real.parent_path());
  return folders;
}

std::vector<std::string> files_of(const Config& config, const std::string& file) {
  std::vector<std::string> files{file};
  for (const CertificateConfig& each : config.certificates) {
    files.push_back(each.certificate);
    files.push_back(each.key);
  }
  for (const CaBundleConfig& each : config.ca_bundles) files.push_back(each.file);
  for (const BackendConfig& each : config.backends) {
    const std::string& key = each.persistence.cookie.key_file;
    if (!key.empty()) files.push_back(key);
  }
  return files;
}

FileWatch::Stamp FileWatch::stamp_of(const std::string& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) return {};
  return {{status.st_dev, status.st_ino, static_cast<std::uint64_t>(status.st_size),
           nanoseconds(status.st_mtim), nanoseconds(status.st_ctim), 1}};
}

void FileWatch::follow(const Config& config) {
  if (!config.watch) return stop();
  if (!inotify_.is_open() && !open()) return;
  std::map<std::string, Stamp> stamps;
  for (const std::string& file : files_of(config, file_)) {
    const auto known = stamps_.find(file);
    stamps[file] = known != stamps_.end() ? known->second : stamp_of(file);
  }
  stamps_ = std::move(stamps);
  watch_folders();
}

bool FileWatch::open() {
  const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0) {
    on_event_(LogLevel::kWarn, std::string("watch: the kernel gives no inotify instance (") +
                                   std::strerror(errno) +
                                   "): saved files take effect with SIGHUP only");
    return false;
  }
  inotify_.assign(fd);
  await_event();
  return true;
}

void FileWatch::watch_folders() {
  std::set<std::string> folders;
  for (const auto& [file, stamp] : stamps_) folders.merge(folders_on_the_way(file));
  std::set<int> watches;
  for (const std::string& folder : folders) {
    const int watch = ::inotify_add_watch(inotify_.native_handle(), folder.c_str(), kEvents);
    if (watch >= 0) {
      watches.insert(watch);
    } else if (errno != ENOENT) {
      on_event_(LogLevel::kWarn, "watch: cannot watch " + folder + " (" + std::strerror(errno) +
                                     "): files in it take effect with SIGHUP only");
    }
  }
  for (const int old : watches_) {
    if (!watches.contains(old)) ::inotify_rm_watch(inotify_.native_handle(), old);
  }
  watches_ = std::move(watches);
}

void FileWatch::await_event() {
  inotify_.async_read_some(boost::asio::buffer(events_),
                           [this](const boost::system::error_code& error, std::size_t) {
                             if (error) return;
                             await_event();
                             if (std::exchange(is_looking_soon_, true)) return;
                             delay_.expires_after(kDelay);
                             delay_.async_wait([this](const boost::system::error_code& stopped) {
                               is_looking_soon_ = false;
                               if (!stopped) look();
                             });
                           });
}

void FileWatch::look() {
  watch_folders();  // links may lead elsewhere now
  for (const auto& [file, stamp] : stamps_) {
    const Stamp now = stamp_of(file);
    if (now == stamp || now == Stamp{}) continue;
    const std::string changed = file;
    note_reading();
    return on_change_(changed);
  }
}

void FileWatch::note_reading() {
  for (auto& [file, stamp] : stamps_) stamp = stamp_of(file);
}

void FileWatch::stop() {
  boost::system::error_code ignored;
  inotify_.close(ignored);
  delay_.cancel();
  stamps_.clear();
  watches_.clear();
}

}  // namespace sluice::daemon
