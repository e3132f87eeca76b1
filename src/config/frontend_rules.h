// Which settings of a frontend go together, and whether two listeners collide.
#pragma once

#include "config/checker.h"

namespace sluice::config {

/// What frontends with `protocol: http` offer to TLS clients (ALPN).
inline constexpr std::string_view kHttpAlpn = "http/1.1";

void check_frontend_rules(Checker& checker);

}  // namespace sluice::config
