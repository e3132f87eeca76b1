// What an operator has ordered about a server at run time; a reload takes it back.
#pragma once

#include <cstdint>
#include <optional>

namespace sluice::balance {

enum class Order : std::uint8_t {
  kReady,        ///< as the file says
  kDrain,        ///< no new sessions but persistent ones
  kMaintenance,  ///< no new sessions at all
};

/// Small enough for one atomic word.
struct Orders {
  Order order = Order::kReady;
  std::optional<std::uint16_t> weight;  ///< in place of the file's

  [[nodiscard]] std::uint32_t to_word() const noexcept {
    return std::uint32_t{static_cast<std::uint8_t>(order)} << 24 |
           std::uint32_t{weight ? 1U : 0U} << 16 | weight.value_or(0);
  }
  [[nodiscard]] static Orders from_word(std::uint32_t word) noexcept {
    Orders orders{static_cast<Order>(word >> 24), std::nullopt};
    if ((word >> 16 & 1U) != 0) orders.weight = static_cast<std::uint16_t>(word & 0xffffU);
    return orders;
  }

  friend bool operator==(const Orders&, const Orders&) = default;
};

}  // namespace sluice::balance
