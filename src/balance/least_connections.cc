#include "balance/least_connections.h"

#include <compare>

#include "balance/rotation.h"

namespace sluice::balance {
namespace {

/// A member with what is compared. Sessions are read once: they change under our hands.
struct Load {
  std::uint32_t index = 0;
  std::uint16_t weight = 1;
  std::uint64_t sessions = 0;
  std::int64_t credit = 0;
};

std::strong_ordering compare(const Load& left, const Load& right) noexcept {
  return left.sessions * right.weight <=> right.sessions * left.weight;
}

}  // namespace

std::optional<std::uint32_t> LeastConnections::pick(const Pool& pool,
                                                    const PickContext& context) noexcept {
  arrange(pool, context.worker);
  RotationClock& clock = pool.backend->clock(context.worker);
  const auto total = static_cast<std::int64_t>(pool.total_weight);
  const auto place_of = [&](std::uint32_t index) -> RotationPlace& {
    return pool.candidates[index].state->slot(context.worker).place;
  };

  std::optional<Load> best;
  for (const std::uint32_t index : pool.members) {
    if (!pool.is_open(index, context)) continue;
    const Candidate& candidate = pool.candidates[index];
    Load load{.index = index,
              .weight = pool.weights[index],
              .sessions = candidate.state->sessions().value()};
    const auto order = best ? compare(load, *best) : std::strong_ordering::less;
    if (std::is_gt(order)) continue;
    // Those that are not among the least loaded gain credit as well, so the limit is a tight one.
    load.credit = credit_at(place_of(index), load.weight, clock.picks, total) + load.weight;
    if (std::is_lt(order) || load.credit > best->credit) best = load;
  }
  if (!best) return std::nullopt;

  ++clock.picks;
  write_credit(place_of(best->index), best->credit - total, clock.picks);
  return best->index;
}

void LeastConnections::arrange(const Pool& pool, std::uint32_t worker) noexcept {
  std::uint64_t& arranged_for = revisions_[worker].value;
  if (arranged_for == pool.revision) return;
  rearrange(pool, worker);
  arranged_for = pool.revision;
}

}  // namespace sluice::balance
