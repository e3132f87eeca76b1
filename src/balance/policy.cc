#include "balance/policy.h"

#include <string>

#include "balance/first.h"
#include "balance/least_connections.h"
#include "balance/round_robin.h"
#include "balance/source_hash.h"
#include "balance/two_choices.h"

namespace sluice::balance {

Result<std::unique_ptr<Policy>> make_policy(std::string_view name, PolicySize size) {
  if (name == "round_robin") return std::make_unique<RoundRobin>(size);
  if (name == "least_connections") return std::make_unique<LeastConnections>(size);
  if (name == "random") return std::make_unique<TwoChoices>(size);
  if (name == "source_hash") return std::make_unique<SourceHash>(size);
  if (name == "first") return std::make_unique<First>();
  return fail("policy " + std::string(name) + " is not supported", ExitCode::kNo);
}

}  // namespace sluice::balance
