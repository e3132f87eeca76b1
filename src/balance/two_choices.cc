#include "balance/two_choices.h"

#include <algorithm>

#include "balance/hash.h"
#include "base/random_seed.h"

namespace sluice::balance {
namespace {

constexpr int kPairs = 8;

bool is_less_loaded(const Pool& pool, std::uint32_t left, std::uint32_t right) noexcept {
  const auto load = [&pool](std::uint32_t index, std::uint32_t other) {
    return pool.candidates[index].state->sessions().value() * pool.weights[other];
  };
  return load(left, right) < load(right, left);
}

std::optional<std::uint32_t> least_loaded(const Pool& pool, const PickContext& context) noexcept {
  std::optional<std::uint32_t> best;
  for (const std::uint32_t index : pool.members) {
    if (!pool.is_open(index, context)) continue;
    if (!best || is_less_loaded(pool, index, *best)) best = index;
  }
  return best;
}

}  // namespace

TwoChoices::TwoChoices(PolicySize size) : urns_(size.workers) {
  for (Urn& urn : urns_) {
    urn.state = base::random_seed();
    urn.ends.reserve(size.servers);
  }
}

std::optional<std::uint32_t> TwoChoices::pick(const Pool& pool,
                                              const PickContext& context) noexcept {
  Urn& urn = urns_[context.worker];
  if (urn.revision != pool.revision) arrange(urn, pool);
  if (pool.members.size() == 1) return least_loaded(pool, context);

  const auto total = static_cast<std::uint32_t>(pool.total_weight);
  for (int pair = 0; pair < kPairs; ++pair) {
    const std::size_t place = owner_of(urn, draw(urn, total));
    const std::uint32_t first = pool.members[place];
    // The second point falls on what is left when the first server's stretch is cut out.
    const std::uint32_t length = pool.weights[first];
    std::uint32_t point = draw(urn, total - length);
    if (point >= urn.ends[place] - length) point += length;
    const std::uint32_t second = pool.members[owner_of(urn, point)];

    const bool is_second_open = pool.is_open(second, context);
    if (!pool.is_open(first, context)) {
      if (is_second_open) return second;
      continue;
    }
    return is_second_open && is_less_loaded(pool, second, first) ? second : first;
  }
  return least_loaded(pool, context);
}

std::size_t TwoChoices::owner_of(const Urn& urn, std::uint32_t point) noexcept {
  const auto at = std::upper_bound(urn.ends.begin(), urn.ends.end(), point);
  return static_cast<std::size_t>(at - urn.ends.begin());
}

std::uint32_t TwoChoices::draw(Urn& urn, std::uint32_t below) noexcept {
  urn.state += 0x9e3779b97f4a7c15;
  return scale(rehash(urn.state), below);
}

void TwoChoices::arrange(Urn& urn, const Pool& pool) noexcept {
  urn.ends.clear();
  std::uint32_t sum = 0;
  for (const std::uint32_t index : pool.members) urn.ends.push_back(sum += pool.weights[index]);
  urn.revision = pool.revision;
}

}  // namespace sluice::balance
