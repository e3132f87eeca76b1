// Carries out one command line against a running sluice.
#pragma once

#include <string>

#include "lbstat/command_line.h"
#include "sluice/error.h"

namespace sluice::lbstat {

/// Prints to standard output what was asked for and to standard error, in one line each, what went
/// wrong. Returns the exit status (contract, section 1). With `watch` it comes back on a signal.
[[nodiscard]] ExitCode run(const Options& options, const std::string& socket);

/// `lbstat: TEXT` on standard error.
void complain(const std::string& text);

}  // namespace sluice::lbstat
