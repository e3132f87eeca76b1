// The same client to the same server, by a hash of its address: `source_hash`.
//
// The hash leads into a Maglev table (maglev.h) of all servers that may serve, whether they are up
// or not. Where the server found there is out of the pool, tried, full or loaded too much, the hash
// is hashed again and leads to another one: the clients of a server that goes down spread over all
// others by weight, nobody else's server changes, and all are back where they were when it is up
// again. So nothing has to be built when health changes. Tables are built when the backend is
// compiled and when a weight is changed at run time, on the control thread (rebuild()); picks go on
// by the old one meanwhile.
//
// Bounded load (Mirrokni et al. 2018): a server whose sessions are 125 % of its share of all the
// sessions of the backend takes no further one; the next server of the client's sequence does. The
// bound holds from kUnboundedSessions on: below, a client with a few connections at once would be
// torn apart to even out loads that are none.
//
// There are two tables where the backend has passive servers: of the active ones alone and of all.
// A pick costs 15 to 40 ns and does not depend on the number of servers; where most are down it
// tries kProbes entries and then looks through the pool.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "balance/maglev.h"
#include "balance/policy.h"
#include "balance/published.h"

namespace sluice::balance {

class SourceHash final : public Policy {
 public:
  /// A server may have this many sessions whatever the others have.
  static constexpr std::uint64_t kUnboundedSessions = 8;
  static constexpr int kProbes = 64;

  explicit SourceHash(PolicySize size) : tables_(size.workers) {}

  void rebuild(std::span<const Candidate> candidates,
               std::span<const std::uint16_t> weights) override;

  [[nodiscard]] std::optional<std::uint32_t> pick(const Pool& pool,
                                                  const PickContext& context) noexcept override;

 private:
  struct Tables {
    MaglevTable active;
    MaglevTable all;  ///< empty where no server is passive
  };

  Published<Tables> tables_;
};

}  // namespace sluice::balance
