// Persistence as one compiled table has it: which of its servers a client was sent to last.
//
// The memory outlives tables (persistence_table.h) and knows servers by a number that is made of
// their name. So a server keeps its clients when it changes its address, its place in the file or
// anything else but its name, and also when it was out of the file for a while. Clients of a
// server that is gone are given another one, and that is remembered from then on.
// Immutable after construction; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "balance/persistence_table.h"
#include "balance/policy.h"

namespace sluice::balance {

/// What a client is known by.
enum class PersistenceKey : std::uint8_t {
  kAddress,
  kTlsSession,  ///< which it resumes when it comes back, from whatever address
};

struct PersistenceRules {
  PersistenceTable* table = nullptr;  ///< null: nothing is remembered; else it lives longer
  base::milliseconds expire{0};       ///< after a client's last session began; 0 = never
  PersistenceKey key = PersistenceKey::kAddress;
};

class Persistence {
 public:
  Persistence(PersistenceRules rules, std::span<const Candidate> candidates);

  [[nodiscard]] bool is_on() const noexcept { return rules_.table != nullptr; }
  /// What the client is remembered by; 0 where there is nothing.
  [[nodiscard]] std::uint64_t key_of(const PickContext& context) const noexcept;

  /// What is known about one client.
  struct Known {
    std::uint32_t number = PersistenceTable::kNobody;  ///< of its server
    std::optional<std::uint32_t> index;                ///< where this table has that server
  };
  [[nodiscard]] Known find(std::uint64_t key, base::TimePoint now) const noexcept;

  /// Remembers `picked` in place of what find() has said. Gives the index of the server that the
  /// client belongs to now: another one where another worker was first.
  [[nodiscard]] std::uint32_t assign(std::uint64_t key, const Known& before, std::uint32_t picked,
                                     base::TimePoint now) const noexcept;

  /// For display and for sweeping; null where nothing is remembered.
  [[nodiscard]] PersistenceTable* table() const noexcept { return rules_.table; }
  [[nodiscard]] Freshness freshness(base::TimePoint now) const noexcept {
    return Freshness::at(now, rules_.expire);
  }

 private:
  [[nodiscard]] std::optional<std::uint32_t> index_of(std::uint32_t number) const noexcept;

  PersistenceRules rules_;
  std::vector<std::uint32_t> numbers_;                            ///< by the index of the candidate
  std::vector<std::pair<std::uint32_t, std::uint32_t>> indices_;  ///< (number, index), ascending
};

}  // namespace sluice::balance
