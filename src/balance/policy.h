// The seam of the balancing algorithms: a policy picks one of the servers that share a backend's
// traffic now. Which servers those are (health, passive servers, all down) is not its business:
// backend.h decides it, once for all policies.
//
// pick() runs on the workers for each session: it neither allocates nor locks nor throws. A policy
// object belongs to one compiled table and serves all workers at once; what it remembers it keeps
// per worker, in memory taken at construction. What must outlive a reload belongs into the live
// state (server.h).
//
// A further policy is one file of its own and one line in make_policy().
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "balance/server.h"
#include "base/clock.h"
#include "sluice/address.h"
#include "sluice/error.h"

namespace sluice::balance {

inline constexpr std::uint16_t kMostWeight = 256;  ///< contract, section 2

/// A server as one table configures it.
struct Candidate {
  ServerState* state = nullptr;  ///< lives at least as long as the table
  std::uint16_t weight = 1;      ///< 0..kMostWeight; 0 = no new sessions but persistent ones
  bool is_passive = false;
  std::uint32_t max_sessions = 0;  ///< 0 = no limit; in force once Backend::come_into_force()
};

/// What the pick is for.
struct PickContext {
  std::uint32_t worker = 0;  ///< the calling one, below the number of workers
  /// The session's client; unspecified where it has none (UNIX sockets).
  const Endpoint& client;
  /// Indices of the servers that this session has tried in vain, the last one at the end.
  std::span<const std::uint32_t> tried;
  /// What source_hash goes by (hash.h: client_key(), flow_key()); 0 = the client's address.
  std::uint64_t key = 0;
  base::TimePoint now{};          ///< for persistence
  std::uint64_t tls_session = 0;  ///< for persistence: what the client's is known by; 0 = nothing
  /// The place in the line that the session comes from; servers that others wait for who come
  /// before it are full.
  std::uint64_t ticket = WaitLine::kNewcomer;
};

/// The servers that share the traffic of a backend now, as one worker sees them.
struct Pool {
  BackendState* backend = nullptr;
  std::span<const Candidate> candidates;  ///< all servers of the backend, in configured order
  std::vector<std::uint32_t> members;     ///< indices of those in the pool, ascending; weight > 0
  /// By index of the candidate: its weight now; 0 where it is not a member.
  std::vector<std::uint16_t> weights;
  std::uint64_t total_weight = 0;  ///< of the members
  bool has_passive = false;        ///< whether passive servers are among the members
  std::uint64_t revision = 0;      ///< differs whenever the members may differ

  [[nodiscard]] bool has(std::uint32_t index) const noexcept { return weights[index] != 0; }

  /// Whether the member may be picked: not tried by this session and below its own limit. That
  /// may have changed when the session is counted (ServerState::take()).
  [[nodiscard]] bool is_open(std::uint32_t index, const PickContext& context) const noexcept {
    if (!candidates[index].state->has_room(context.ticket)) return false;
    return std::find(context.tried.begin(), context.tried.end(), index) == context.tried.end();
  }
};

class Policy {
 public:
  Policy() = default;
  Policy(const Policy&) = delete;
  Policy& operator=(const Policy&) = delete;
  virtual ~Policy() = default;

  /// Prepares what depends on the weights alone (by index of the candidate, 0 = takes no traffic)
  /// and not on health: before the first pick, and while workers pick whenever a weight has
  /// changed. Control thread; may take its time.
  virtual void rebuild(std::span<const Candidate> /*candidates*/,
                       std::span<const std::uint16_t> /*weights*/) {}

  /// An open member of the pool (Pool::is_open), as index into its candidates; nothing where all of
  /// them are closed. `pool` is the calling worker's. Any worker.
  [[nodiscard]] virtual std::optional<std::uint32_t> pick(const Pool& pool,
                                                          const PickContext& context) noexcept = 0;
};

/// What a policy needs to reserve its memory.
struct PolicySize {
  std::size_t workers = 1;
  std::size_t servers = 0;
};

/// Makes the policy of a configured name (contract, section 2); an Error for one that does not
/// exist. Control thread.
[[nodiscard]] Result<std::unique_ptr<Policy>> make_policy(std::string_view name, PolicySize size);

}  // namespace sluice::balance
