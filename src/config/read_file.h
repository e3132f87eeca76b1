// Reads a whole file of a known greatest size.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include "sluice/error.h"

namespace sluice::config {

/// Reads `path` if it is a regular file of at most `max_bytes`; never blocks on a FIFO or a
/// device, never reads a file that is too large. The error's text has no path: the caller knows
/// where it was mentioned.
[[nodiscard]] Result<std::string> read_file(const std::filesystem::path& path,
                                            std::size_t max_bytes);

}  // namespace sluice::config
