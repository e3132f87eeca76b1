// What must be known about a text before yaml-cpp may see it.
//
// yaml-cpp takes any bytes: it treats 0x04 as the end of the file, guesses UTF-16 from NUL bytes,
// and keeps the tokens of a whole flow collection in memory, so a few megabytes of `[` cost a
// gigabyte. The checks here are linear and allocate nothing.
#pragma once

#include "config/report.h"
#include "config/source_text.h"

namespace sluice::config {

/// True if the text is UTF-8 without control characters and within the token budget; otherwise
/// says where it is not.
[[nodiscard]] bool check_text(const SourceText& source, Report& report);

/// An upper estimate of the tokens that yaml-cpp makes of a text.
[[nodiscard]] std::size_t estimate_tokens(std::string_view text);

}  // namespace sluice::config
