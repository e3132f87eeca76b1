// CRC-32C (Castagnoli, RFC 3720 appendix B.4), bit-reflected, as the PROXY protocol uses it. Pure;
// any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace sluice::wire {

/// Continues a checksum; 0 begins one.
[[nodiscard]] std::uint32_t crc32c(std::uint32_t before, std::span<const std::byte> bytes) noexcept;

}  // namespace sluice::wire
