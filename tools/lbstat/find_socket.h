// Which admin socket to talk to, and what to say where none answers.
#pragma once

#include <optional>
#include <string>

#include "sluice/error.h"

namespace sluice::lbstat {

/// The socket that was asked for, else the first of the default places (sluice/admin.h) where
/// somebody answers. Fails with exit code kUnavailable and a line that names the remedy.
[[nodiscard]] Result<std::string> find_socket(const std::optional<std::string>& asked);

}  // namespace sluice::lbstat
