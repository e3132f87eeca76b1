// The small languages inside scalars: durations, addresses, networks, names.
//
// Pure functions from text to a value or to what is wrong with it, in words that fit behind a key:
// "`5` needs a unit: 5s or 5ms".
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

#include "sluice/config.h"

namespace sluice::config {

template <typename T>
using Parsed = tl::expected<T, std::string>;

/// What is wrong with a text, as any `Parsed`.
[[nodiscard]] inline tl::unexpected<std::string> wrong(std::string text) {
  return tl::unexpected<std::string>(std::move(text));
}

/// `500ms`, `5s`, `10m`, `1h`, `2d`, also `1h30m`; 0 = off. At most 365 days.
[[nodiscard]] Parsed<std::chrono::milliseconds> parse_duration(std::string_view text);

/// A whole decimal number from `least` to `most`.
[[nodiscard]] Parsed<std::uint64_t> parse_number(std::string_view text, std::uint64_t least,
                                                 std::uint64_t most);

/// true, false, and yes, no, on, off as YAML 1.1 knows them.
[[nodiscard]] Parsed<bool> parse_flag(std::string_view text);

/// The name of an entry: letters, digits and `_ - . :`, at most 128 of them. It appears in URLs,
/// metrics and columns.
[[nodiscard]] Parsed<std::string> parse_name(std::string_view text);

/// The path itself if it is short enough for a UNIX socket: the kernel takes 107 bytes (unix(7)).
[[nodiscard]] Parsed<std::string> check_socket_path(std::string path);

/// `10.0.0.1:80`, `[::1]:80`, `*:80`, `*:8000-8010`, `unix:/path`, `unix:/path,mode=660`, `fd:3`.
[[nodiscard]] Parsed<ListenAddress> parse_listen(std::string_view text);

/// A server's address: IPv4, IPv6 (with or without brackets) or a host name.
[[nodiscard]] Parsed<std::string> parse_server_address(std::string_view text);

/// A host name of at most 253 characters (RFC 1123, and `_`).
[[nodiscard]] Parsed<std::string> parse_host_name(std::string_view text);

/// A name as SNI carries it, or `*.` and a name; the result is in lower case.
[[nodiscard]] Parsed<std::string> parse_sni_pattern(std::string_view text);

/// `10.0.0.0/8`, `2001:db8::/32`, or a single address.
[[nodiscard]] Parsed<Network> parse_network(std::string_view text);

/// An HTTP status `200` or a range `200-399`.
[[nodiscard]] Parsed<StatusRange> parse_status_range(std::string_view text);

/// A cookie's name: a token of RFC 6265, section 4.1.1.
[[nodiscard]] Parsed<std::string> parse_cookie_name(std::string_view text);

/// A protocol name as ALPN carries it (RFC 7301, section 3.1): 1 to 255 bytes.
[[nodiscard]] Parsed<std::string> parse_alpn(std::string_view text);

/// An absolute path of a URL, with its query.
[[nodiscard]] Parsed<std::string> parse_url_path(std::string_view text);

/// Free text for headers, paths and file names: not empty, no control characters.
[[nodiscard]] Parsed<std::string> parse_text(std::string_view text);

/// Whether the text is a numeric IPv4 or IPv6 address.
[[nodiscard]] bool is_ip_address(std::string_view text);

}  // namespace sluice::config
