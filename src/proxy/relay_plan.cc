#include "proxy/relay_plan.h"

namespace sluice::proxy {
namespace {

Step flush(const RelayState& state) noexcept {
  return state.gear == Gear::kCopy ? Step::kSend : Step::kSplice;
}

Step plan_gear_change(const RelayState& state) noexcept {
  if (state.is_receiving) return state.is_cancelling ? Step::kWait : Step::kPause;
  return state.held == 0 && !state.is_sending ? Step::kChangeGear : Step::kWait;
}

Step plan_copy(const RelayState& state) noexcept {
  if (state.is_receiving) {
    const bool is_full = state.held > kHighWater || state.chunks > kHighChunks;
    return is_full && !state.is_cancelling ? Step::kPause : Step::kWait;
  }
  const bool has_room = state.held <= kLowWater && state.chunks <= kLowChunks;
  return has_room && !state.is_starved ? Step::kReceive : Step::kWait;
}

/// Nothing is left to wait for before the session can act on the source's failure.
bool is_flushed(const RelayState& state) noexcept {
  return state.sink_failed || (state.held == 0 && !state.is_sending);
}

/// A TLS sink that is closed without close_notify takes the end for a cut.
bool is_over(const RelayState& state) noexcept {
  return has_delivered(state) && (state.sink_shut || !state.must_tell_end);
}

/// We end the session since one of its sockets asks for what cannot be done; the other one sees a
/// reset.
Judgement give_up(const RelayState& given_up, Verdict by_source, Verdict by_sink) noexcept {
  if (!is_flushed(given_up)) return {};
  return {given_up.sink_failed ? by_sink : by_source, {CloseReason::kLimit, Side::kUs}};
}

CloseReason closed_by(Side side) noexcept {
  return side == Side::kServer ? CloseReason::kServerClosed : CloseReason::kClientClosed;
}

}  // namespace

Step plan(const RelayState& state) noexcept {
  if (state.is_stopped) return Step::kWait;
  if (state.sink_failed) {
    // Bytes from the source have nowhere to go. They stay in the kernel, but for those that arrive
    // before the pause takes effect, while the other direction learns how the sink ended.
    return state.is_receiving && !state.is_cancelling ? Step::kPause : Step::kWait;
  }
  if (state.held > 0 && !state.is_sending && !state.is_gathering) return flush(state);
  if (state.source_ended || state.source_failed) return Step::kWait;
  if (state.wanted != state.gear) return plan_gear_change(state);
  if (state.gear == Gear::kCopy) return plan_copy(state);
  return state.is_receiving || state.is_sending ? Step::kWait : Step::kSplice;
}

Judgement judge(const RelayState& upstream, const RelayState& downstream, Side first_end) noexcept {
  if (upstream.is_broken || downstream.is_broken) {
    return {Verdict::kFinish, {CloseReason::kInternal, Side::kUs}};
  }
  if (upstream.is_given_up) return give_up(upstream, Verdict::kResetServer, Verdict::kResetClient);
  if (downstream.is_given_up) {
    return give_up(downstream, Verdict::kResetClient, Verdict::kResetServer);
  }
  // Neither can be written to: neither can be heard either, once backpressure has stopped the
  // reading.
  if (upstream.sink_failed && downstream.sink_failed) {
    return {Verdict::kFinish, {CloseReason::kServerReset, Side::kServer}};
  }
  if (upstream.source_failed) {
    if (!is_flushed(upstream)) return {};
    return {Verdict::kResetServer, {CloseReason::kClientReset, Side::kClient}};
  }
  if (downstream.source_failed) {
    if (!is_flushed(downstream)) return {};
    return {Verdict::kResetClient, {CloseReason::kServerReset, Side::kServer}};
  }
  // A sink that fails after its own end was read in order has simply closed: what we still had for
  // it is lost, as it wanted.
  if (upstream.sink_failed && has_delivered(downstream)) {
    return {Verdict::kFinish, {CloseReason::kServerClosed, Side::kServer}};
  }
  if (downstream.sink_failed && has_delivered(upstream)) {
    return {Verdict::kFinish, {CloseReason::kClientClosed, Side::kClient}};
  }
  if (is_over(upstream) && is_over(downstream)) {
    return {Verdict::kFinish, {closed_by(first_end), first_end}};
  }
  if (has_delivered(upstream) && !upstream.sink_shut) return {Verdict::kPassEndUpstream, {}};
  if (has_delivered(downstream) && !downstream.sink_shut) return {Verdict::kPassEndDownstream, {}};
  return {};
}

}  // namespace sluice::proxy
