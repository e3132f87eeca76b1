#include "balance/policy.h"

#include <string>

#include "balance/least_connections.h"
#include "balance/round_robin.h"

namespace sluice::balance {

Result<std::unique_ptr<Policy>> make_policy(std::string_view name, PolicySize size) {
  if (name == "round_robin") return std::make_unique<RoundRobin>(size);
  if (name == "least_connections") return std::make_unique<LeastConnections>(size);
  return fail("policy " + std::string(name) + " is not supported", ExitCode::kNo);
}

}  // namespace sluice::balance
