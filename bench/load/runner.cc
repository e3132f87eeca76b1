#include "runner.h"

#include <algorithm>

namespace sluice::bench {
namespace {

constexpr Duration kDrainTime = std::chrono::seconds(5);

}  // namespace

Duration run(Workload& workload, Poller& poller, const RunPlan& plan) {
  const Time begin = now();
  const Time end = begin + plan.length;
  workload.start(plan.pace, begin, end);
  while (now() < end && !(plan.pace == Pace::kOnce && workload.is_quiet())) {
    poller.poll_until(std::min(end, workload.next_due()));
    workload.tick(now());
  }
  workload.stop(now());

  const Time give_up = now() + kDrainTime;
  while (!workload.is_quiet() && now() < give_up) poller.poll_until(give_up);
  workload.tally().failures.unanswered += workload.outstanding();
  return now() - begin;
}

}  // namespace sluice::bench
