#include "wire/crc32c.h"

#include <array>

namespace sluice::wire {
namespace {

constexpr std::uint32_t kPolynomial = 0x82f63b78;

constexpr std::array<std::uint32_t, 256> make_table() noexcept {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
    std::uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ ((value & 1) != 0 ? kPolynomial : 0);
    table[byte] = value;
  }
  return table;
}

constexpr auto kTable = make_table();

}  // namespace

std::uint32_t crc32c(std::uint32_t before, std::span<const std::byte> bytes) noexcept {
  std::uint32_t value = ~before;
  for (const std::byte byte : bytes) {
    value = kTable[(value ^ static_cast<std::uint32_t>(byte)) & 0xff] ^ value >> 8;
  }
  return ~value;
}

}  // namespace sluice::wire
