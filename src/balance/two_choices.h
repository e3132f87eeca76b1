// Two servers drawn by weight, and of these the one with fewer sessions for its weight: `random`.
//
// Exact over all workers like least_connections, at a cost that does not grow with the number of
// servers, and without the herd that many proxies make of the one server that is the least loaded
// (Mitzenmacher 2001). With n equal servers the fullest stays within log2(ln n) + O(1) of the
// average.
//
// Each worker has a generator of its own (SplitMix64). The two differ. Where none of a few drawn
// pairs has an open server, the open one with the least load is looked for.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "balance/policy.h"

namespace sluice::balance {

class TwoChoices final : public Policy {
 public:
  explicit TwoChoices(PolicySize size);

  [[nodiscard]] std::optional<std::uint32_t> pick(const Pool& pool,
                                                  const PickContext& context) noexcept override;

 private:
  struct alignas(64) Urn {
    std::uint64_t state = 0;          ///< of the generator
    std::uint64_t revision = 0;       ///< of the pool that `ends` is made for; 0 = none
    std::vector<std::uint32_t> ends;  ///< sum of the weights up to and including each member
  };

  /// The member that owns a point below the sum of the weights, as place among the members.
  static std::size_t owner_of(const Urn& urn, std::uint32_t point) noexcept;
  static std::uint32_t draw(Urn& urn, std::uint32_t below) noexcept;
  static void arrange(Urn& urn, const Pool& pool) noexcept;

  std::vector<Urn> urns_;  ///< one for each worker
};

}  // namespace sluice::balance
