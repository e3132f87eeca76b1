// The position of smooth weighted round robin, kept by name so that a reload does not restart it.
//
// Smooth weighted round robin (nginx): with each pick every server of the pool gains its weight in
// credit, the one with the most credit is picked and pays the sum of the weights. Credits add up to
// zero. Only the picked one's credit is written down, in its RotationPlace; what a server has
// gained since follows from the clock.
//
// When the members of the pool change, rearrange() brings the places to the present: servers that
// stay keep their credit, newcomers begin with none. Arrears, which a server piles up while it is
// full, are cut to a few turns, so that it comes back to its share and not to a flood.
//
// Places belong to one worker; so do all calls.
#pragma once

#include <algorithm>
#include <cstdint>

#include "balance/policy.h"
#include "balance/server.h"

namespace sluice::balance {

/// The server's credit when the worker's clock shows `now` picks, cut to plus or minus `limit`.
[[nodiscard]] inline std::int64_t credit_at(const RotationPlace& place, std::uint16_t weight,
                                            std::uint64_t now, std::int64_t limit) noexcept {
  const auto waited = static_cast<std::int64_t>(now - place.written_at);
  // A longer wait is cut anyway, and the product cannot overflow.
  const std::int64_t gained = std::min(waited, limit - place.credit) * weight;
  return std::clamp(place.credit + gained, -limit, limit);
}

/// Writes down a credit that the server has after `now` picks.
inline void write_credit(RotationPlace& place, std::int64_t credit, std::uint64_t now) noexcept {
  constexpr std::int64_t kLimit = INT32_MAX;
  place.credit = static_cast<std::int32_t>(std::clamp(credit, -kLimit, kLimit));
  place.written_at = now;
}

/// Brings the places of all members of a changed pool to the present.
void rearrange(const Pool& pool, std::uint32_t worker) noexcept;

}  // namespace sluice::balance
