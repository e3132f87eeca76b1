// Reads a configuration file: the front door of this folder.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "sluice/config.h"
#include "sluice/error.h"

namespace sluice::config {

struct Loaded {
  std::optional<Config> config;  ///< only if nothing is wrong
  Diagnostics diagnostics;       ///< errors and notices, in the order of the file
};

/// Reads and checks a file, with the certificates it names. Relative paths in it are relative to
/// its place. Any thread; blocks on the file system only; never throws. Whatever the file holds, it
/// costs less than a second and 100 MB.
[[nodiscard]] Loaded load(const std::filesystem::path& file) noexcept;

/// The same for a text that is already here. `file` is its name in diagnostics and its place for
/// relative paths.
[[nodiscard]] Loaded load_text(std::string text, const std::filesystem::path& file) noexcept;

}  // namespace sluice::config
