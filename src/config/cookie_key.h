// The file with the key of a backend's cookies.
#pragma once

#include <cstddef>
#include <string>

#include "config/checker.h"
#include "sluice/error.h"

namespace sluice::config {

/// Shorter keys could be guessed.
inline constexpr std::size_t kMinCookieKeyBytes = 16;
inline constexpr std::size_t kMaxCookieKeyBytes = 4096;

/// What the file holds, without the line end behind it. The error's text names the path.
[[nodiscard]] Result<std::string> read_cookie_key(const std::string& path);

/// Every key file that a backend names can be read.
void check_cookie_keys(Checker& checker);

}  // namespace sluice::config
