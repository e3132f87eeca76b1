// `sluice --check`: reads a configuration, says what is wrong with it, starts nothing.
#pragma once

#include <filesystem>
#include <iosfwd>

#include "sluice/error.h"

namespace sluice::daemon {

/// Prints each remark on a line of its own (contract, section 1) and a summary behind them. kDone
/// if the file could be started with, kNo if not.
[[nodiscard]] ExitCode check_file(const std::filesystem::path& file, std::ostream& out);

}  // namespace sluice::daemon
