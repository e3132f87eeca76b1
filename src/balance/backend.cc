#include "balance/backend.h"

#include <algorithm>
#include <utility>

#include "balance/hash.h"
#include "base/assert.h"

namespace sluice::balance {

void TriedServers::add(std::uint32_t index) noexcept {
  if (size_ == kLimit) {
    std::shift_left(indices_.begin(), indices_.end(), 1);
    --size_;
  }
  indices_[size_++] = index;
}

Backend::Backend(BackendState& state, std::vector<Candidate> candidates, BackendRules rules,
                 std::unique_ptr<Policy> policy)
    : state_(&state),
      candidates_(std::move(candidates)),
      rules_(rules),
      persistence_(rules.persistence, candidates_),
      policy_(std::move(policy)),
      views_(state.workers()) {
  SLUICE_ASSERT(policy_ != nullptr);
  for (const Candidate& candidate : candidates_) {
    SLUICE_ASSERT(&candidate.state->backend() == state_);
    SLUICE_ASSERT(candidate.weight <= kMostWeight);
  }
  for (View& view : views_) {
    view.pool.backend = state_;
    view.pool.candidates = candidates_;
    view.pool.members.reserve(candidates_.size());  // so that filling it never allocates
    view.pool.weights.resize(candidates_.size());
  }
  // By the file alone: what was ordered at run time ends when the table comes into force.
  std::vector<std::uint16_t> weights;
  for (const Candidate& candidate : candidates_) weights.push_back(candidate.weight);
  policy_->rebuild(candidates_, weights);
}

void Backend::rebuild() {
  std::vector<std::uint16_t> weights;
  for (std::uint32_t index = 0; index < candidates_.size(); ++index) {
    weights.push_back(weight(index));
  }
  policy_->rebuild(candidates_, weights);
}

void Backend::come_into_force() const noexcept {
  for (const Candidate& candidate : candidates_) {
    candidate.state->set_limit(candidate.max_sessions);
  }
}

Backend::Picked Backend::pick(const PickContext& context) noexcept {
  SLUICE_ASSERT(context.worker < views_.size());
  const Pool& pool = current_pool(context.worker);
  const std::uint64_t key = persistence_.key_of(context);
  return key != 0 ? pick_remembered(pool, context, key) : pick_anew(pool, context);
}

Backend::Picked Backend::take(const PickContext& context) noexcept {
  while (true) {
    const Picked picked = pick(context);
    if (!picked || candidates_[*picked].state->take(context.worker, context.ticket)) return picked;
    // Another worker was faster, so this server is full now.
  }
}

Backend::Taken Backend::take_or_wait(const PickContext& context,
                                     std::optional<std::uint32_t> bound) noexcept {
  if (!bound) bound = home(current_pool(context.worker), context);
  if (bound) {
    ServerState& server = *candidates_[*bound].state;
    if (server.take(context.worker, context.ticket)) return *bound;
    return tl::unexpected(&server.line());
  }
  if (state_->line().is_ahead_of(context.ticket)) return tl::unexpected(&state_->line());
  const Picked picked = take(context);
  if (picked) return *picked;
  return tl::unexpected(picked.error() == NoServer::kAllFull ? &state_->line() : nullptr);
}

std::optional<std::uint32_t> Backend::home(const Pool& pool,
                                           const PickContext& context) const noexcept {
  const std::uint64_t key = persistence_.key_of(context);
  if (key == 0) return std::nullopt;
  const auto known = persistence_.find(key, context.now);
  if (!known.index || !takes_back(pool, *known.index, context)) return std::nullopt;
  return known.index;
}

Backend::Picked Backend::pick_anew(const Pool& pool, const PickContext& context) noexcept {
  if (pool.members.empty()) return tl::unexpected(NoServer::kAllDown);

  PickContext attempt = context;
  while (true) {
    if (const auto picked = policy_->pick(pool, attempt)) return *picked;
    if (attempt.tried.empty()) return tl::unexpected(NoServer::kAllFull);
    attempt.tried = attempt.tried.last(attempt.tried.size() > 1 ? 1 : 0);
  }
}

Backend::Picked Backend::pick_remembered(const Pool& pool, const PickContext& context,
                                         std::uint64_t key) noexcept {
  const Persistence::Known known = persistence_.find(key, context.now);
  const bool is_home_open = known.index && takes_back(pool, *known.index, context);
  const auto has_room = [&](std::uint32_t index) {
    return candidates_[index].state->has_room(context.ticket);
  };
  if (is_home_open && has_room(*known.index)) return *known.index;
  const Picked picked = pick_anew(pool, context);
  if (!picked || is_home_open) return picked;
  const std::uint32_t home = persistence_.assign(key, known, *picked, context.now);
  const bool is_other_open = home != *picked && takes_back(pool, home, context) && has_room(home);
  return is_other_open ? home : picked;
}

bool Backend::takes_back(const Pool& pool, std::uint32_t index,
                         const PickContext& context) const noexcept {
  const auto& tried = context.tried;
  if (std::find(tried.begin(), tried.end(), index) != tried.end()) return false;
  if (pool.has(index)) return true;
  const Candidate& candidate = candidates_[index];
  return !candidate.is_passive && candidate.state->health().is_up() &&
         candidate.state->orders().order != Order::kMaintenance;
}

bool Backend::can_serve_bound(std::uint32_t index, const PickContext& context) const noexcept {
  const Candidate& candidate = candidates_[index];
  const auto& tried = context.tried;
  return candidate.state->health().is_up() &&
         candidate.state->orders().order != Order::kMaintenance &&
         std::find(tried.begin(), tried.end(), index) == tried.end();
}

const Pool& Backend::current_pool(std::uint32_t worker) noexcept {
  View& view = views_[worker];
  // Read before the servers' health: what changes meanwhile makes the number differ next time.
  const std::uint64_t changes = state_->changes();
  if (!view.is_made || view.changes != changes) {
    fill(view.pool);
    view.changes = changes;
    view.is_made = true;
  }
  return view.pool;
}

void Backend::fill(Pool& pool) const noexcept {
  Availability available = gather(pool.members, Assume::kHealth);
  if (pool.members.empty() && rules_.all_down == WhenAllDown::kTryAnyway) {
    available = gather(pool.members, Assume::kAllUp);
  }
  if (!available.is_standby_serving) {
    std::erase_if(pool.members, [this](auto index) { return candidates_[index].is_passive; });
  }
  const auto is_ejected = [this](std::uint32_t index) {
    return candidates_[index].state->health().is_ejected;
  };
  if (!std::all_of(pool.members.begin(), pool.members.end(), is_ejected)) {
    std::erase_if(pool.members, is_ejected);
  }
  pool.total_weight = 0;
  pool.has_passive = false;
  std::fill(pool.weights.begin(), pool.weights.end(), 0);
  for (const std::uint32_t index : pool.members) {
    // An order may have come since gather(); its change is still to be seen.
    pool.weights[index] = std::max<std::uint16_t>(weight(index), 1);
    pool.total_weight += pool.weights[index];
    pool.has_passive |= candidates_[index].is_passive;
  }
  ++pool.revision;
}

Availability Backend::gather(std::vector<std::uint32_t>& usable, Assume assume) const {
  usable.clear();
  Availability available;
  for (std::uint32_t index = 0; index < candidates_.size(); ++index) {
    const Candidate& candidate = candidates_[index];
    if (weight(index) == 0 || candidate.state->orders().order != Order::kReady) continue;
    const HealthStatus health = candidate.state->health();
    if (assume == Assume::kHealth && !health.is_healthy()) continue;
    if (health.is_ejected) ++available.ejected;
    ++(candidate.is_passive ? available.usable_passive : available.usable_active);
    usable.push_back(index);
  }
  available.is_standby_serving =
      available.usable_passive > 0 && available.usable_active < rules_.standby_min_active;
  return available;
}

Availability Backend::availability() const {
  std::vector<std::uint32_t> usable;
  return gather(usable, Assume::kHealth);
}

Duty Backend::duty(const Candidate& candidate, const Availability& availability) noexcept {
  return candidate.is_passive && !availability.is_standby_serving ? Duty::kStandby : Duty::kServing;
}

}  // namespace sluice::balance
