#include "balance/least_connections.h"

#include <compare>

#include "balance/rotation.h"

namespace sluice::balance {
namespace {

/// A member with the number of its sessions, read once: it changes under our hands.
struct Load {
  std::uint32_t index = 0;
  std::uint16_t weight = 1;
  std::uint64_t sessions = 0;
};

std::strong_ordering compare(const Load& left, const Load& right) noexcept {
  return left.sessions * right.weight <=> right.sessions * left.weight;
}

}  // namespace

std::optional<std::uint32_t> LeastConnections::pick(const Pool& pool,
                                                    const PickContext& context) noexcept {
  std::uint64_t& arranged_for = revisions_[context.worker].value;
  if (arranged_for != pool.revision) {
    rearrange(pool, context.worker);
    arranged_for = pool.revision;
  }
  RotationClock& clock = pool.backend->clock(context.worker);
  const auto total = static_cast<std::int64_t>(pool.total_weight);
  const auto place_of = [&](const Load& load) -> RotationPlace& {
    return pool.candidates[load.index].state->slot(context.worker).place;
  };
  // Those that are not among the least loaded gain as well, so the limit is a tight one.
  const auto credit_of = [&](const Load& load) {
    return credit_at(place_of(load), load.weight, clock.picks, total) + load.weight;
  };

  std::optional<Load> best;
  for (const std::uint32_t index : pool.members) {
    if (!pool.is_open(index, context)) continue;
    const Candidate& candidate = pool.candidates[index];
    const Load load{index, candidate.weight, candidate.state->sessions().value()};
    const auto order = best ? compare(load, *best) : std::strong_ordering::less;
    if (order < 0 || (order == 0 && credit_of(load) > credit_of(*best))) best = load;
  }
  if (!best) return std::nullopt;

  const std::int64_t credit = credit_of(*best) - total;
  ++clock.picks;
  write_credit(place_of(*best), credit, clock.picks);
  return best->index;
}

}  // namespace sluice::balance
