#include "balance/persistence.h"

#include <algorithm>
#include <unordered_set>

#include "balance/hash.h"

namespace sluice::balance {

Persistence::Persistence(PersistenceRules rules, std::span<const Candidate> candidates)
    : rules_(rules) {
  if (!is_on()) return;
  // Two names with one hash among 10,000: one file in a hundred. The later one takes another.
  std::unordered_set<std::uint32_t> taken{PersistenceTable::kNobody};
  for (const Candidate& candidate : candidates) {
    std::uint64_t seed = 0;
    std::uint32_t number = 0;
    do {
      number = static_cast<std::uint32_t>(hash_of(candidate.state->name(), seed++));
    } while (!taken.insert(number).second);
    indices_.emplace_back(number, static_cast<std::uint32_t>(numbers_.size()));
    numbers_.push_back(number);
  }
  std::sort(indices_.begin(), indices_.end());
}

std::uint64_t Persistence::key_of(const PickContext& context) const noexcept {
  if (!is_on()) return 0;
  if (rules_.key == PersistenceKey::kTlsSession) return context.tls_session;
  return context.client.is_specified() ? client_key(context.client) : 0;
}

std::optional<std::uint32_t> Persistence::index_of(std::uint32_t number) const noexcept {
  const auto at =
      std::lower_bound(indices_.begin(), indices_.end(), std::pair(number, std::uint32_t{0}));
  if (at == indices_.end() || at->first != number) return std::nullopt;
  return at->second;
}

Persistence::Known Persistence::find(std::uint64_t key, base::TimePoint now) const noexcept {
  const std::uint32_t number = rules_.table->find(key, freshness(now));
  return {number, index_of(number)};
}

std::uint32_t Persistence::assign(std::uint64_t key, const Known& before, std::uint32_t picked,
                                  base::TimePoint now) const noexcept {
  const std::uint32_t number =
      rules_.table->assign(key, before.number, numbers_[picked], freshness(now));
  return index_of(number).value_or(picked);
}

}  // namespace sluice::balance
