// IP addresses as text, as strict as a protocol needs it: no leading zeros, no whitespace, nothing
// behind the address. Pure; any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sluice::wire {

using Ipv4Bytes = std::array<std::uint8_t, 4>;
using Ipv6Bytes = std::array<std::uint8_t, 16>;

/// `192.0.2.1`.
[[nodiscard]] std::optional<Ipv4Bytes> parse_ipv4(std::string_view text) noexcept;

/// Every form of RFC 4291 section 2.2, `::ffff:192.0.2.1` included; no zone.
[[nodiscard]] std::optional<Ipv6Bytes> parse_ipv6(std::string_view text) noexcept;

/// A decimal number up to `most` without leading zeros.
[[nodiscard]] std::optional<std::uint32_t> parse_decimal(std::string_view text,
                                                         std::uint32_t most) noexcept;

/// Dotted for 4 bytes; eight groups, nothing left out, for 16.
[[nodiscard]] std::string ip_text(std::span<const std::uint8_t> bytes);

}  // namespace sluice::wire
