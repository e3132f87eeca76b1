#include "balance/round_robin.h"

#include <algorithm>
#include <utility>

#include "balance/rotation.h"

namespace sluice::balance {

RoundRobin::RoundRobin(PolicySize size) : rotations_(size.workers) {
  for (Rotation& rotation : rotations_) {
    rotation.members.reserve(size.servers);
    rotation.classes.reserve(std::min<std::size_t>(size.servers, kMostWeight));
  }
}

std::optional<std::uint32_t> RoundRobin::pick(const Pool& pool,
                                              const PickContext& context) noexcept {
  Rotation& rotation = rotations_[context.worker];
  if (rotation.revision != pool.revision) arrange(rotation, pool, context.worker);

  WeightClass* best = nullptr;
  std::int64_t price = 0;  // the gains of all that take part, paid by the one picked
  for (WeightClass& each : rotation.classes) {
    if (!find_open(each, pool, context)) continue;
    each.gained += each.weight();
    price += each.weight() * static_cast<std::int64_t>(each.ring.size());
    if (best == nullptr || goes_before(each, *best)) best = &each;
  }
  if (best == nullptr) return std::nullopt;

  Member& picked = best->turn(0);
  picked.credit -= price;
  const std::uint64_t now = ++pool.backend->clock(context.worker).picks;
  write_credit(pool.candidates[picked.index].state->slot(context.worker).place, best->credit(),
               now);
  best->cursor = (best->cursor + 1) % best->ring.size();
  return picked.index;
}

bool RoundRobin::goes_before(const WeightClass& left, const WeightClass& right) noexcept {
  if (left.credit() != right.credit()) return left.credit() > right.credit();
  return left.turn(0).index < right.turn(0).index;
}

bool RoundRobin::find_open(const WeightClass& of, const Pool& pool,
                           const PickContext& context) noexcept {
  std::size_t step = 0;
  while (!pool.is_open(of.turn(step).index, context)) {
    if (++step == of.ring.size()) return false;
  }
  for (; step > 0; --step) std::swap(of.turn(step), of.turn(step - 1));
  return true;
}

void RoundRobin::arrange(Rotation& rotation, const Pool& pool, std::uint32_t worker) noexcept {
  auto& members = rotation.members;
  rearrange(pool, worker);
  members.clear();
  for (const std::uint32_t index : pool.members) {
    const Candidate& candidate = pool.candidates[index];
    const std::int64_t credit = candidate.state->slot(worker).place.credit;
    members.push_back({.credit = credit, .index = index, .weight = pool.weights[index]});
  }
  std::sort(members.begin(), members.end(), [](const Member& left, const Member& right) {
    if (left.weight != right.weight) return left.weight > right.weight;
    if (left.credit != right.credit) return left.credit > right.credit;
    return left.index < right.index;
  });
  rotation.classes.clear();
  for (auto begin = members.begin(); begin != members.end();) {
    const auto is_other = [&](const Member& m) { return m.weight != begin->weight; };
    const auto end = std::find_if(begin, members.end(), is_other);
    rotation.classes.push_back({.ring = {begin, end}});
    begin = end;
  }
  rotation.revision = pool.revision;
}

}  // namespace sluice::balance
