// What this kernel's io_uring offers, found out by asking it, each with a reason where it is off.
//
// Used at start (a required one that is missing ends the program) and by `sluice --version`. Any
// thread; makes a ring of its own.
#pragma once

#include <string>
#include <vector>

#include "sluice/error.h"

namespace sluice::uring {

struct Feature {
  std::string name;
  bool is_available = false;
  bool is_required = false;
  std::string reason;  ///< why it is off; empty where it is on
};

/// Error: io_uring is refused altogether, with cause and remedy.
[[nodiscard]] Result<std::vector<Feature>> probe_features();

}  // namespace sluice::uring
