// The server with the fewest sessions for its weight: `least_connections`.
//
// Sessions are those of all workers at this moment, the ones still connecting included, so workers
// agree on the load. Loads are compared exactly, a/wa < b/wb as a*wb < b*wa. Among servers of the
// same load it is smooth weighted round robin (rotation.h): an idle backend is used evenly, not
// from its first server on. The cost grows with the number of servers.
//
// The rotation is the worker's own, so it needs no memory beside the live state.
#pragma once

#include <cstdint>

#include "balance/policy.h"

namespace sluice::balance {

class LeastConnections final : public Policy {
 public:
  [[nodiscard]] std::optional<std::uint32_t> pick(const Pool& pool,
                                                  const PickContext& context) noexcept override;
};

}  // namespace sluice::balance
