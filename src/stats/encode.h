// The rows of stats.h as JSON, in both directions: the admin interface encodes, `lbstat` decodes.
//
// Both use the same table of fields in encode.cc, so a key is written down once and is spelt like
// the member. Fields keep the order of the struct. Pure; any thread.
//
// `Value` is one of: Status, ReloadOutcome, KillOutcome, ServerOrder, ServerOutcome, Health,
// Refusal, or a std::vector of
// FrontendRow, BackendRow, ServerRow, SessionRow or ReasonRow (encode.cc instantiates them).
#pragma once

#include <string>
#include <string_view>

#include "sluice/error.h"
#include "sluice/stats.h"

namespace sluice::stats {

/// One line of JSON without a newline at its end. Bytes that are not UTF-8 become U+FFFD, numbers
/// that are not finite null.
template <typename Value>
[[nodiscard]] std::string encode(const Value& value);

/// The inverse. A key that is missing or null leaves the member's default and an unknown one is
/// ignored, so that neighbouring versions understand each other; a value of another type is an
/// error that names its key.
template <typename Value>
[[nodiscard]] Result<Value> decode(std::string_view text);

}  // namespace sluice::stats
