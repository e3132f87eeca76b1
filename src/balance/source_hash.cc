#include "balance/source_hash.h"

#include <utility>
#include <vector>

namespace sluice::balance {
namespace {

/// Whether one session more would exceed 125 % of the server's share, rounded up. Sessions on
/// servers that have left the pool count as if they were to be shared.
bool is_overloaded(const Pool& pool, std::uint32_t index) noexcept {
  const std::uint64_t sessions = pool.candidates[index].state->sessions().value();
  if (sessions < SourceHash::kUnboundedSessions) return false;
  const std::uint64_t all = pool.backend->sessions().value() + 1;
  return sessions * 4 * pool.total_weight >= 5 * all * pool.weights[index];
}

/// The open server with room that comes first in the client's sequence; without one, the first that
/// is open; nothing where the sequence, cut short, meets no open one.
std::optional<std::uint32_t> follow(const MaglevTable& table, const Pool& pool,
                                    const PickContext& context, std::uint64_t hash) noexcept {
  std::optional<std::uint32_t> overloaded;
  for (int probe = 0; probe < SourceHash::kProbes; ++probe, hash = rehash(hash)) {
    const std::uint32_t index = table.find(hash);
    if (!pool.has(index) || !pool.is_open(index, context)) continue;
    if (!is_overloaded(pool, index)) return index;
    if (!overloaded) overloaded = index;
  }
  return overloaded;
}

}  // namespace

void SourceHash::rebuild(std::span<const Candidate> candidates,
                         std::span<const std::uint16_t> weights) {
  std::vector<MaglevServer> active;
  std::vector<MaglevServer> all;
  for (std::uint32_t index = 0; index < candidates.size(); ++index) {
    const MaglevServer server{candidates[index].state->name(), index, weights[index]};
    all.push_back(server);
    if (!candidates[index].is_passive) active.push_back(server);
  }
  if (all.size() == active.size()) all.clear();
  const std::uint32_t size = MaglevTable::size_for(candidates.size());
  tables_.publish(std::make_unique<const Tables>(
      Tables{MaglevTable(std::move(active), size), MaglevTable(std::move(all), size)}));
}

std::optional<std::uint32_t> SourceHash::pick(const Pool& pool,
                                              const PickContext& context) noexcept {
  const auto tables = tables_.read(context.worker);
  const std::uint64_t hash = context.key != 0 ? context.key : client_key(context.client);
  if (tables.get() != nullptr) {
    const MaglevTable& table = pool.has_passive ? tables.get()->all : tables.get()->active;
    if (!table.is_empty()) {
      if (const auto picked = follow(table, pool, context, hash)) return picked;
    }
  }
  const std::size_t count = pool.members.size();
  const std::size_t first = scale(hash, static_cast<std::uint32_t>(count));
  for (std::size_t step = 0; step < count; ++step) {
    const std::uint32_t index = pool.members[(first + step) % count];
    if (pool.is_open(index, context)) return index;
  }
  return std::nullopt;
}

}  // namespace sluice::balance
