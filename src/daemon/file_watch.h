// `watch: true`: tells when the configuration, or a file that it names, has been saved.
//
// It watches folders (inotify(7)), not files: editors write a new file and rename it over the old
// one, and Kubernetes swaps a symbolic link above it. So every folder counts that a name on the way
// to a file stands in. What happens there is only a hint: a moment later the files' stamps (device,
// inode, size, times) are compared with those of the last reading, so other files in the same
// folders cost nothing but that. Saves in quick succession are one change; a file that is not there
// is waited for.
//
// Control thread. Limits: as many folders as the files have; where the kernel refuses a watch
// (fs.inotify.max_user_watches) it says so once and the rest is watched.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "sluice/config.h"

namespace sluice::daemon {

/// The folders in which a change can put something else in the place of the file: its own, that of
/// every symbolic link on the way to it, and the one that it is really in.
[[nodiscard]] std::set<std::string> folders_on_the_way(const std::string& file);

/// The files that a configuration is made of.
[[nodiscard]] std::vector<std::string> files_of(const Config& config, const std::string& file);

class FileWatch {
 public:
  using OnChange = std::function<void(const std::string& file)>;
  using OnEvent = std::function<void(LogLevel, const std::string&)>;

  /// `io` outlives it. `file` is the configuration.
  FileWatch(boost::asio::io_context& io, std::string file, OnChange on_change, OnEvent on_event)
      : file_(std::move(file)),
        on_change_(std::move(on_change)),
        on_event_(std::move(on_event)),
        inotify_(io),
        delay_(io) {}

  /// Watches what this configuration names, or nothing where it says `watch: false`.
  void follow(const Config& config);

  /// The files are about to be read: what happens from now on is a change.
  void note_reading();

  void stop();

 private:
  /// All zero for a file that is not there.
  struct Stamp {
    std::array<std::uint64_t, 6> numbers{};
    friend bool operator==(const Stamp&, const Stamp&) = default;
  };
  [[nodiscard]] static Stamp stamp_of(const std::string& file);

  [[nodiscard]] bool open();
  void watch_folders();
  void await_event();
  void look();

  std::string file_;
  OnChange on_change_;
  OnEvent on_event_;
  boost::asio::posix::stream_descriptor inotify_;
  boost::asio::steady_timer delay_;
  std::array<char, 4096> events_{};      ///< not read: that there are some is enough
  std::map<std::string, Stamp> stamps_;  ///< of the files, as they were when they were read
  std::set<int> watches_;
  bool is_looking_soon_ = false;
};

}  // namespace sluice::daemon
