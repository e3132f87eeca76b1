// Runs a workload for a while and says how long it took.
#pragma once

#include "poller.h"
#include "workload.h"

namespace sluice::bench {

struct RunPlan {
  Pace pace = Pace::kNonStop;
  Duration length{};  ///< kOnce: at most this long
};

/// The time from the start to the end of the last unit. Whatever is outstanding five seconds
/// after the end of the run counts as unanswered.
Duration run(Workload& workload, Poller& poller, const RunPlan& plan);

}  // namespace sluice::bench
