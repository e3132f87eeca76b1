// What a reload changes, in one line: `+1 server, ~2 servers, -1 frontend`. Pure; any thread.
#pragma once

#include <string>

#include "sluice/config.h"

namespace sluice::daemon {

/// Frontends, backends, servers, certificates and CA bundles that came (+), changed (~) or went
/// (-), and `~settings` for the rest; `no change` where the two configure the same thing.
[[nodiscard]] std::string describe_difference(const Config& before, const Config& after);

}  // namespace sluice::daemon
