// The schema of the configuration file (tables in *_fields.h) and its decoder.
#pragma once

#include <string_view>

#include "config/context.h"
#include "config/document.h"
#include "sluice/config.h"

namespace sluice::config {

/// Decodes the whole document. Entries of lists keep their index even where something is wrong with
/// them, so that later checks can still name their place.
[[nodiscard]] Config decode_config(const Document& document, Context& context);

/// Where a key belongs that was met in the wrong place ("a server" where it was in "a backend"), or
/// "" if nowhere.
[[nodiscard]] std::string_view owner_of_key(std::string_view key, std::string_view found_in);

}  // namespace sluice::config
