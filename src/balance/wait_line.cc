#include "balance/wait_line.h"

namespace sluice::balance {

std::optional<WaitLine::Head> WaitLine::oldest(std::uint64_t after) const noexcept {
  std::optional<Head> first;
  for (std::uint32_t worker = 0; worker < oldest_.size(); ++worker) {
    const std::uint64_t ticket = oldest_[worker].load(std::memory_order_seq_cst);
    if (ticket == kNobody || ticket <= after) continue;
    if (!first || ticket < first->ticket) first = Head{worker, ticket};
  }
  return first;
}

}  // namespace sluice::balance
