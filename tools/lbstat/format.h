// Numbers and names as a person reads them in a narrow column; `--json` has them exactly.
//
// Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::lbstat {

/// Powers of 1024, at most four characters: `517`, `1.2M`, `98G`.
[[nodiscard]] std::string format_bytes(std::uint64_t bytes);

/// Exact below 100,000, then powers of 1000: `99999`, `120k`, `1.2M`.
[[nodiscard]] std::string format_count(std::uint64_t count);

/// Per second: `0`, `0.4`, `12`, `1.2k`.
[[nodiscard]] std::string format_rate(double per_second);

/// Bytes per second: `0`, `517`, `1.2M`.
[[nodiscard]] std::string format_byte_rate(double per_second);

/// The two largest units: `250ms`, `12s`, `5m12s`, `1h02m`, `2d03h`.
[[nodiscard]] std::string format_duration(double seconds);

/// What a terminal would take for a command becomes a question mark.
[[nodiscard]] std::string printable(std::string_view text);

/// Columns that UTF-8 text takes, one a character (wide characters are not accounted for).
[[nodiscard]] std::size_t display_width(std::string_view text) noexcept;

/// At most `width` columns: an ellipsis takes the place of the middle, because names of one kind
/// differ at their ends.
[[nodiscard]] std::string shorten(std::string_view text, std::size_t width);

/// Lines of at most `width` columns, broken at spaces where there are any; all but the first are
/// indented. Each ends in a newline.
[[nodiscard]] std::string wrap(std::string_view text, std::size_t width);

/// `1 session`, `2 sessions`.
[[nodiscard]] std::string plural(std::uint64_t count, std::string_view noun);

}  // namespace sluice::lbstat
