// The target of an HTTP request taken apart: `/v1/sessions?backend=shop&limit=10` gives the
// segments v1, sessions and two parameters. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::daemon {

struct AdminTarget {
  std::vector<std::string> segments;                            ///< percent-decoded, not empty
  std::vector<std::pair<std::string, std::string>> parameters;  ///< percent-decoded, in order
};

/// Understands the origin form (RFC 9112, 3.2.1), which begins with a slash. A plus sign stays one.
/// Nothing where an escape is malformed (RFC 3986, 2.1).
[[nodiscard]] std::optional<AdminTarget> parse_target(std::string_view text);

}  // namespace sluice::daemon
