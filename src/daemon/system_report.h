// What this build is and what this system offers it: `sluice --version`, and the remarks of `lbstat
// status`. Any thread.
#pragma once

#include <string>
#include <vector>

#include "sluice/error.h"
#include "tls/ktls_probe.h"

namespace sluice::daemon {

/// The text of `sluice --version`, several lines, ending with one.
[[nodiscard]] std::string version_report();

/// `name: reason` of every feature that is off. Empty where nothing is missing.
[[nodiscard]] std::vector<std::string> missing_features(const tls::KtlsReport& ktls);

/// Error where io_uring is refused or lacks something that Sluice cannot do without.
[[nodiscard]] Result<void> check_requirements();

}  // namespace sluice::daemon
