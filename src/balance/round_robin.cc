#include "balance/round_robin.h"

#include <algorithm>
#include <utility>

#include "balance/rotation.h"

namespace sluice::balance {

RoundRobin::RoundRobin(PolicySize size) : rotations_(size.workers) {
  for (Rotation& rotation : rotations_) {
    rotation.members.reserve(size.servers);
    rotation.classes.reserve(size.servers);
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
    each.credit += each.weight();
    price += each.weight() * static_cast<std::int64_t>(each.ring.size());
    if (best == nullptr || goes_before(each, *best)) best = &each;
  }
  if (best == nullptr) return std::nullopt;

  const std::uint32_t index = best->turn(0).index;
  const std::uint64_t now = ++pool.backend->picks(context.worker);
  pool.candidates[index].state->slot(context.worker).place = {best->credit - price, now};
  best->cursor = static_cast<std::uint32_t>((best->cursor + 1) % best->ring.size());
  if (--best->lap_left == 0) {
    best->lap_left = static_cast<std::uint32_t>(best->ring.size());
    best->credit -= price;
  }
  return index;
}

bool RoundRobin::goes_before(const WeightClass& left, const WeightClass& right) noexcept {
  if (left.credit != right.credit) return left.credit > right.credit;
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
  collect(members, pool, worker);
  std::sort(members.begin(), members.end(), [](const Member& left, const Member& right) {
    if (left.weight != right.weight) return left.weight > right.weight;
    if (left.credit != right.credit) return left.credit > right.credit;
    return left.index < right.index;
  });
  rotation.classes.clear();
  for (auto begin = members.begin(); begin != members.end();) {
    const auto is_other = [&](const Member& m) { return m.weight != begin->weight; };
    const auto end = std::find_if(begin, members.end(), is_other);
    // In a lap under way those already picked are one total behind; half of it tells them apart
    // even after the total has changed.
    const auto half = static_cast<std::int64_t>(pool.total_weight / 2);
    const auto is_picked = [&](const Member& m) { return begin->credit - m.credit > half; };
    const auto lap_left = std::find_if(begin, end, is_picked) - begin;
    rotation.classes.push_back({.ring = {begin, end},
                                .credit = begin->credit,
                                .cursor = 0,
                                .lap_left = static_cast<std::uint32_t>(lap_left)});
    begin = end;
  }
  rotation.revision = pool.revision;
}

void RoundRobin::collect(std::vector<Member>& members, const Pool& pool,
                         std::uint32_t worker) noexcept {
  const std::uint64_t now = pool.backend->picks(worker);
  std::int64_t sum = 0;
  members.clear();
  for (const std::uint32_t index : pool.members) {
    const Candidate& candidate = pool.candidates[index];
    const RotationPlace& place = candidate.state->slot(worker).place;
    const auto credit = credit_at(place, candidate.weight, pool.total_weight, now);
    members.push_back({credit, index, candidate.weight});
    sum += credit;
  }
  // Servers that came or went leave a sum behind; kept, it would drift all credits to their limit.
  const std::int64_t mean = sum / static_cast<std::int64_t>(members.size());
  for (Member& member : members) {
    member.credit -= mean;
    pool.candidates[member.index].state->slot(worker).place = {member.credit, now};
  }
}

}  // namespace sluice::balance
