#include "balance/rotation.h"

namespace sluice::balance {

void rearrange(const Pool& pool, std::uint32_t worker) noexcept {
  RotationClock& clock = pool.backend->clock(worker);
  const auto limit = 2 * static_cast<std::int64_t>(pool.total_weight);
  std::int64_t sum = 0;
  std::int64_t stayed = 0;
  for (const std::uint32_t index : pool.members) {
    const Candidate& candidate = pool.candidates[index];
    RotationPlace& place = candidate.state->slot(worker).place;
    const bool has_stayed = place.arrangement == clock.arrangements;
    const auto credit = has_stayed ? credit_at(place, pool.weights[index], clock.picks, limit) : 0;
    write_credit(place, credit, clock.picks);
    sum += credit;
    stayed += has_stayed ? 1 : 0;
  }
  // Servers that left took their credit along; without this the rest would drift to the limit.
  const std::int64_t excess = stayed == 0 ? 0 : sum / stayed;
  ++clock.arrangements;
  for (const std::uint32_t index : pool.members) {
    RotationPlace& place = pool.candidates[index].state->slot(worker).place;
    if (place.arrangement + 1 == clock.arrangements) {
      write_credit(place, place.credit - excess, clock.picks);
    }
    place.arrangement = clock.arrangements;
  }
}

}  // namespace sluice::balance
