// One question to the admin interface and its answer: HTTP/1.1 over a UNIX socket.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sluice/error.h"

namespace sluice::lbstat {

struct Answer {
  unsigned status = 0;
  std::string body;
  std::optional<std::uint64_t> total;  ///< sessions there are, where the body may hold fewer
};

/// Connects, asks and reads the whole answer, all within `limit`. An error is that there was no
/// answer; an answer of 404 is an answer. A body is sent as JSON where there is one.
[[nodiscard]] Result<Answer> ask(const std::string& socket, std::string_view method,
                                 std::string_view target, std::chrono::seconds limit,
                                 std::string body = {});

/// For a segment of a path or the value of a parameter (RFC 3986, 2.1).
[[nodiscard]] std::string percent_encoded(std::string_view text);

}  // namespace sluice::lbstat
