// Where the characters of UTF-8 begin. Pure; any thread.
#pragma once

namespace sluice::config {

/// Any byte of a character but its first (RFC 3629 section 3).
[[nodiscard]] constexpr bool is_continuation_byte(char byte) noexcept {
  return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
}

}  // namespace sluice::config
