// The position of smooth weighted round robin, kept by name so that a reload does not restart it.
//
// Smooth weighted round robin (nginx): with each pick every server of the pool gains its weight in
// credit, the one with the most credit is picked and pays the total of the weights. Credits add up
// to zero and stay within one total of it. Here nobody's credit is written but the picked one's:
// its RotationPlace says what it had then, and the weight gained since is worked out when needed.
// A server that was away for a while, or whose weight changed, comes back with a credit cut to one
// total: at most one turn early, never with the turns it missed.
#pragma once

#include <algorithm>
#include <cstdint>

#include "balance/server.h"

namespace sluice::balance {

/// The credit of a server of weight `weight` when the worker's pick clock shows `now`, in a pool of
/// weight `total_weight`.
[[nodiscard]] inline std::int64_t credit_at(const RotationPlace& place, std::uint16_t weight,
                                            std::uint64_t total_weight,
                                            std::uint64_t now) noexcept {
  const auto total = static_cast<std::int64_t>(total_weight);
  const auto waited = static_cast<std::int64_t>(now - place.picked_at);
  // Beyond `total` picks the cut applies whatever the rest, and the product cannot overflow.
  const std::int64_t gained = std::min(waited, 2 * total) * weight;
  return std::clamp(place.credit + gained, -total, total);
}

}  // namespace sluice::balance
