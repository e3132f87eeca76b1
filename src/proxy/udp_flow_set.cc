#include "proxy/udp_flow_set.h"

#include <algorithm>

#include "proxy/udp_listener.h"

namespace sluice::proxy {

// --- Beginning ---

FlowRanks& UdpFlowSet::ranks_of(balance::BackendState& backend) {
  const auto known = std::find_if(ranks_.begin(), ranks_.end(),
                                  [&](const FlowRanks& each) { return each.backend == &backend; });
  return known != ranks_.end() ? *known : ranks_.emplace_back(backend);
}

UdpFlow* UdpFlowSet::begin(UdpListener& listener, TablePin& pin, FrontendRoute& frontend,
                           const FlowKey& key) {
  if (!frontend.admission.admits(key.client)) {
    refuse(frontend, CloseReason::kDenied);
    return nullptr;
  }
  FlowRanks& ranks = ranks_of(frontend.backend->balance.state());
  ranks.backend->flows().up();
  if (!make_room(ranks, frontend.backend->udp)) {
    ranks.backend->flows().down();
    refuse(frontend, CloseReason::kLimit);
    if (ranks.count == 0) ranks_.remove_if([&](const FlowRanks& each) { return &each == &ranks; });
    return nullptr;
  }
  const UdpFlow::Origin origin{sessions_.next_id(), pin, frontend, listener, ranks};
  UdpFlowOwner& self = *this;
  UdpFlow& flow = slab_.make(context_, self, origin, key);
  flows_.push_back(flow);
  ranks.unproven.push_back(flow);
  ++ranks.count;
  context_.numbers.begun.add(1);
  context_.numbers.flows.set(context_.numbers.flows.value() + 1);
  listener.enter(flow);
  flow.begin();
  return flow.is_open() ? &flow : nullptr;
}

void UdpFlowSet::refuse(FrontendRoute& frontend, CloseReason reason) noexcept {
  frontend.state->traffic(context_.sessions.worker).refused.add(1);
  sessions_.refuse(reason);
}

bool UdpFlowSet::make_room(FlowRanks& ranks, const UdpRules& rules) noexcept {
  const bool has_descriptors = room_.has_room();
  if (has_descriptors && ranks.backend->flows().value() <= rules.max_flows) return true;
  const std::uint64_t share =
      std::max<std::uint64_t>(1, rules.max_flows / ranks.backend->workers());
  if (has_descriptors && ranks.count < share) {
    room_.ask_others(ranks.backend->name(), share);
    return true;
  }
  return evict(ranks);
}

bool UdpFlowSet::evict(FlowRanks& ranks) noexcept {
  auto& from = ranks.unproven.is_empty() ? ranks.proven : ranks.unproven;
  if (from.is_empty()) return false;
  context_.numbers.evicted.add(1);
  from.front().end({CloseReason::kLimit, Side::kUs});
  return true;
}

bool UdpFlowSet::give_room(const std::string& backend, std::uint64_t share) noexcept {
  const auto ranks = std::find_if(ranks_.begin(), ranks_.end(), [&](const FlowRanks& each) {
    return each.backend->name() == backend;
  });
  if (ranks == ranks_.end()) return false;
  // Where there are fewer flows than workers one may have to give its only one.
  return (ranks->count > share || share == 1) && evict(*ranks);
}

// --- From the flows ---

void UdpFlowSet::on_flow_pending(UdpFlow& flow) noexcept {
  if (!static_cast<base::ListHook<Pending>&>(flow).is_linked()) pending_.push_back(flow);
}

void UdpFlowSet::on_flow_starved(UdpFlow& flow) noexcept {
  if (!static_cast<base::ListHook<Starved>&>(flow).is_linked()) starved_.push_back(flow);
}

void UdpFlowSet::on_flow_active(UdpFlow& flow) noexcept {
  static_cast<base::ListHook<ByIdleness>&>(flow).unlink();
  (flow.is_proven() ? flow.ranks().proven : flow.ranks().unproven).push_back(flow);
}

void UdpFlowSet::on_flow_ending(UdpFlow& flow) noexcept {
  flow.listener().leave(flow);
  static_cast<base::ListHook<ByIdleness>&>(flow).unlink();
  --flow.ranks().count;
  flow.ranks().backend->flows().down();
  context_.numbers.flows.set(context_.numbers.flows.value() - 1);
}

void UdpFlowSet::on_flow_ended(UdpFlow& flow) noexcept {
  ended_.push_back(&flow);
}

// --- Turns ---

void UdpFlowSet::flush() noexcept {
  while (!pending_.is_empty()) pending_.pop_front().flush();
}

void UdpFlowSet::end_turn() noexcept {
  // Those that find no buffer again come back by a completion, not by this list.
  while (!starved_.is_empty()) starved_.pop_front().resume();
  for (UdpFlow* flow : ended_) slab_.destroy(*flow);
  ended_.clear();
  ranks_.remove_if([](const FlowRanks& each) { return each.count == 0; });
}

void UdpFlowSet::review_quietness() noexcept {
  flows_.for_each([](UdpFlow& flow) { flow.review_quietness(); });
}

// --- Looking at them ---

namespace {

bool is_meant(const SessionFilter& filter, const UdpFlow& flow) noexcept {
  return filter.matches(flow.id(), flow.backend().balance.state(), flow.server());
}

}  // namespace

std::uint64_t UdpFlowSet::close(const SessionFilter& filter, CloseReason reason) noexcept {
  return close_part(filter, reason, 1);
}

std::uint64_t UdpFlowSet::close_part(const SessionFilter& filter, CloseReason reason,
                                     std::uint64_t parts) noexcept {
  const std::uint64_t wanted = (count(filter) + parts - 1) / parts;
  std::uint64_t closed = 0;
  flows_.for_each([&](UdpFlow& flow) {
    if (closed == wanted || !flow.is_open() || !is_meant(filter, flow)) return;
    ++closed;
    flow.end({reason, Side::kUs});
  });
  return closed;
}

std::vector<SessionRow> UdpFlowSet::describe(const SessionFilter& filter, std::size_t limit) {
  std::vector<SessionRow> rows;
  flows_.for_each([&](UdpFlow& flow) {
    if (rows.size() < limit && flow.is_open() && is_meant(filter, flow)) {
      rows.push_back(flow.describe());
    }
  });
  return rows;
}

std::uint64_t UdpFlowSet::count(const SessionFilter& filter) noexcept {
  std::uint64_t matching = 0;
  flows_.for_each(
      [&](UdpFlow& flow) { matching += flow.is_open() && is_meant(filter, flow) ? 1U : 0U; });
  return matching;
}

}  // namespace sluice::proxy
