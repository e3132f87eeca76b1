// The first server of the file that is open: `first`.
//
// One server after the other is filled up to its max_sessions, so that the last ones stay idle and
// can be switched off. Without max_sessions the first one takes everything while it is up.
#pragma once

#include <optional>

#include "balance/policy.h"

namespace sluice::balance {

class First final : public Policy {
 public:
  [[nodiscard]] std::optional<std::uint32_t> pick(const Pool& pool,
                                                  const PickContext& context) noexcept override {
    for (const std::uint32_t index : pool.members) {
      if (pool.is_open(index, context)) return index;
    }
    return std::nullopt;
  }
};

}  // namespace sluice::balance
