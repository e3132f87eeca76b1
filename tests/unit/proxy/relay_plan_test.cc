// Walks over every state that decides something: plan() over all of them, judge() over all pairs.
#include "proxy/relay_plan.h"

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <tuple>
#include <vector>

#include "relay_states.h"

namespace sluice::proxy {
namespace {

bool has_source_ended(const RelayState& state) {
  return state.source_ended || state.source_failed;
}

using Law = std::function<bool(const RelayState&, Step)>;

/// The law holds in every state.
void expect_everywhere(const Law& law) {
  std::size_t broken = 0;
  for (const RelayState& state : all_states()) {
    if (law(state, plan(state))) continue;
    if (++broken <= 5) {
      ADD_FAILURE() << show(state) << ": step " << static_cast<int>(plan(state));
    }
  }
  EXPECT_EQ(broken, 0U) << "of " << all_states().size();
}

// --- plan() ---

TEST(RelayPlan, TakesNoStepWhenStopped) {
  expect_everywhere(
      [](const RelayState& state, Step step) { return !state.is_stopped || step == Step::kWait; });
}

TEST(RelayPlan, StartsNothingThatIsInFlightAlready) {
  expect_everywhere([](const RelayState& state, Step step) {
    switch (step) {
      case Step::kReceive:
        return !state.is_receiving;
      case Step::kSend:
        return !state.is_sending;
      case Step::kSplice:
        // One that has bytes to get rid of may begin while a wait for readability is pending.
        return !state.is_sending && (!state.is_receiving || state.held > 0);
      case Step::kPause:
        return state.is_receiving && !state.is_cancelling;
      default:
        return true;
    }
  });
}

TEST(RelayPlan, ReceivesOnlyBelowTheMarkAndFromASourceThatMayHaveMore) {
  expect_everywhere([](const RelayState& state, Step step) {
    if (step != Step::kReceive) return true;
    return state.gear == Gear::kCopy && state.wanted == Gear::kCopy && state.held <= kLowWater &&
           state.chunks <= kLowChunks && !state.is_starved && !has_source_ended(state) &&
           !state.sink_failed;
  });
}

TEST(RelayPlan, NeverGoesOnReceivingAboveTheHighWaterMark) {
  expect_everywhere([](const RelayState& state, Step step) {
    const bool must_pause = state.gear == Gear::kCopy &&
                            (state.held > kHighWater || state.chunks > kHighChunks) &&
                            state.is_receiving && !state.is_cancelling && state.is_sending &&
                            !state.is_stopped && !has_source_ended(state);
    return !must_pause || step == Step::kPause;
  });
}

TEST(RelayPlan, UsesEachGearsOwnSteps) {
  expect_everywhere([](const RelayState& state, Step step) {
    if (step == Step::kReceive || step == Step::kSend) return state.gear == Gear::kCopy;
    if (step == Step::kSplice) return state.gear == Gear::kSplice;
    return true;
  });
}

TEST(RelayPlan, ChangesGearOnlyWhenEmptyAndWithNothingInFlight) {
  expect_everywhere([](const RelayState& state, Step step) {
    if (step != Step::kChangeGear) return true;
    return state.gear != state.wanted && state.held == 0 && !state.is_receiving &&
           !state.is_sending && !has_source_ended(state);
  });
}

TEST(RelayPlan, GetsRidOfWhatItHoldsFirst) {
  expect_everywhere([](const RelayState& state, Step step) {
    const bool must_flush = state.held > 0 && !state.is_sending && !state.is_gathering &&
                            !state.sink_failed && !state.is_stopped;
    return !must_flush || step == (state.gear == Gear::kCopy ? Step::kSend : Step::kSplice);
  });
}

TEST(RelayPlan, SendsNothingWhileItGathers) {
  expect_everywhere([](const RelayState& state, Step step) {
    return !state.is_gathering || state.held == 0 || step != Step::kSend;
  });
}

TEST(RelayPlan, WritesNothingToASinkThatFailed) {
  expect_everywhere([](const RelayState& state, Step step) {
    return !state.sink_failed || step == Step::kWait || step == Step::kPause;
  });
}

TEST(RelayPlan, NeverWaitsForNothing) {
  expect_everywhere([](const RelayState& state, Step step) {
    const bool is_idle = !state.is_receiving && !state.is_sending;
    const bool has_reason = state.is_stopped || state.is_starved || state.is_gathering ||
                            state.sink_failed || (has_source_ended(state) && state.held == 0);
    return !is_idle || has_reason || step != Step::kWait;
  });
}

TEST(RelayPlan, AStarvedDirectionStillSendsAndChangesGear) {
  RelayState state;
  state.is_starved = true;
  EXPECT_EQ(plan(state), Step::kWait);
  state.held = 1;
  EXPECT_EQ(plan(state), Step::kSend);
  state.held = 0;
  state.wanted = Gear::kSplice;
  EXPECT_EQ(plan(state), Step::kChangeGear);
}

TEST(RelayPlan, DoesNotDependOnWhatOnlyTheSessionJudges) {
  expect_everywhere([](RelayState state, Step step) {
    state.is_broken = true;
    if (plan(state) != step) return false;
    state.sink_shut = !state.sink_shut;
    return plan(state) == step;
  });
}

/// What a step can do to the state; splicing can come out in several ways.
std::vector<RelayState> outcomes(const RelayState& before, Step step) {
  RelayState after = before;
  switch (step) {
    case Step::kReceive:
      after.is_receiving = true;
      return {after};
    case Step::kPause:
      after.is_cancelling = true;
      return {after};
    case Step::kSend:
      after.is_sending = true;
      return {after};
    case Step::kChangeGear:
      after.gear = after.wanted;
      return {after};
    case Step::kSplice: {
      RelayState blocked = after;
      blocked.held = before.held > 0 ? before.held : 1;
      blocked.is_sending = true;
      RelayState dry = after;
      dry.held = 0;
      dry.is_receiving = true;
      RelayState ended = after;
      ended.held = 0;
      ended.source_ended = true;
      RelayState failed = after;
      failed.held = 0;
      failed.sink_failed = true;
      RelayState chatty = after;
      chatty.held = 0;
      chatty.wanted = Gear::kCopy;
      return {blocked, dry, ended, failed, chatty};
    }
    case Step::kWait:
      break;
  }
  return {};
}

/// Whether every way that the steps can come out leads to a wait within `most` steps.
bool settles(const RelayState& state, int most) {
  const Step step = plan(state);
  if (step == Step::kWait) return true;
  if (most == 0) return false;
  for (const RelayState& next : outcomes(state, step)) {
    if (!settles(next, most - 1)) return false;
  }
  return true;
}

TEST(RelayPlan, EveryStateComesToAWaitWithinAFewSteps) {
  std::size_t restless = 0;
  for (const RelayState& state : all_states()) {
    // Bytes can not be held while a splice is waiting for more of them.
    const bool is_possible = state.gear == Gear::kCopy || !state.is_receiving || state.held == 0;
    if (is_possible && !settles(state, 6) && ++restless <= 5) ADD_FAILURE() << show(state);
  }
  EXPECT_EQ(restless, 0U);
}

// --- judge() ---

constexpr std::array kSides = {Side::kClient, Side::kServer, Side::kUs};

/// The states that differ in what judge() may look at.
std::vector<RelayState> judged_states() {
  std::vector<RelayState> states;
  for (unsigned flags = 0; flags < 64; ++flags) {
    for (const std::uint32_t held : {0U, kHighWater + 1}) {
      RelayState state;
      state.is_sending = bit(flags, 0);
      state.source_ended = bit(flags, 1);
      state.source_failed = bit(flags, 2);
      state.sink_failed = bit(flags, 3);
      state.sink_shut = bit(flags, 4);
      state.is_broken = bit(flags, 5);
      state.held = held;
      states.push_back(state);
    }
  }
  return states;
}

using PairLaw =
    std::function<bool(const RelayState& up, const RelayState& down, Side first, const Judgement&)>;

void expect_for_all_pairs(const PairLaw& law) {
  std::size_t broken = 0;
  for (const RelayState& up : judged_states()) {
    for (const RelayState& down : judged_states()) {
      for (const Side first : kSides) {
        const Judgement judgement = judge(up, down, first);
        if (law(up, down, first, judgement)) continue;
        if (++broken <= 5) {
          ADD_FAILURE() << "upstream " << show(up) << ", downstream " << show(down) << ": verdict "
                        << static_cast<int>(judgement.verdict) << ", reason "
                        << to_string(judgement.ending.reason);
        }
      }
    }
  }
  EXPECT_EQ(broken, 0U);
}

/// Nothing that comes could change what is to be done.
bool is_hopeless(const RelayState& up, const RelayState& down) {
  return up.is_broken || down.is_broken || (up.sink_failed && down.sink_failed);
}

bool is_flushed(const RelayState& state) {
  return state.sink_failed || (state.held == 0 && !state.is_sending);
}

auto content(const Judgement& judgement) {
  return std::tuple(judgement.verdict, judgement.ending.reason, judgement.ending.side);
}

TEST(RelayJudge, LooksOnlyAtWhatDecides) {
  const auto others = judged_states();
  std::size_t broken = 0;
  for (const RelayState& state : all_states()) {
    RelayState plain;
    plain.is_sending = state.is_sending;
    plain.source_ended = state.source_ended;
    plain.source_failed = state.source_failed;
    plain.sink_failed = state.sink_failed;
    plain.sink_shut = state.sink_shut;
    plain.is_broken = state.is_broken;
    plain.held = state.held;
    for (const RelayState& other : others) {
      const bool is_same = content(judge(state, other, Side::kClient)) ==
                               content(judge(plain, other, Side::kClient)) &&
                           content(judge(other, state, Side::kClient)) ==
                               content(judge(other, plain, Side::kClient));
      if (!is_same) ++broken;
    }
  }
  EXPECT_EQ(broken, 0U);
}

TEST(RelayJudge, FinishesOnlyWhenAllIsDeliveredUnlessAFailureSaysSo) {
  expect_for_all_pairs([](const auto& up, const auto& down, Side, const Judgement& judgement) {
    if (judgement.verdict != Verdict::kFinish) return true;
    if (has_delivered(up) && has_delivered(down)) return true;
    if (up.is_broken || down.is_broken) return true;
    if (up.sink_failed && down.sink_failed) return true;
    return (up.sink_failed && has_delivered(down)) || (down.sink_failed && has_delivered(up));
  });
}

TEST(RelayJudge, AlwaysFinishesWhenAllIsDelivered) {
  expect_for_all_pairs([](const auto& up, const auto& down, Side, const Judgement& judgement) {
    const bool is_over =
        has_delivered(up) && has_delivered(down) && !up.source_failed && !down.source_failed;
    return !is_over || judgement.verdict == Verdict::kFinish;
  });
}

TEST(RelayJudge, ResetsOnlyAfterTheBytesBeforeIt) {
  expect_for_all_pairs([](const auto& up, const auto& down, Side, const Judgement& judgement) {
    if (judgement.verdict == Verdict::kResetServer) return up.source_failed && is_flushed(up);
    if (judgement.verdict == Verdict::kResetClient) return down.source_failed && is_flushed(down);
    return true;
  });
}

TEST(RelayJudge, AResetIsPassedOnOnceTheBytesBeforeItAreOut) {
  expect_for_all_pairs([](const auto& up, const auto& down, Side, const Judgement& judgement) {
    if (is_hopeless(up, down)) return judgement.verdict == Verdict::kFinish;
    const bool client_is_due = up.source_failed && is_flushed(up);
    const bool server_is_due = down.source_failed && is_flushed(down);
    if (client_is_due && !down.source_failed) return judgement.verdict == Verdict::kResetServer;
    if (server_is_due && !up.source_failed) return judgement.verdict == Verdict::kResetClient;
    return !(client_is_due && server_is_due) || judgement.verdict == Verdict::kResetServer ||
           judgement.verdict == Verdict::kResetClient;
  });
}

TEST(RelayJudge, PassesAnEndOnOnceAndBehindTheBytes) {
  expect_for_all_pairs([](const auto& up, const auto& down, Side, const Judgement& judgement) {
    if (judgement.verdict == Verdict::kPassEndUpstream) {
      return has_delivered(up) && !up.sink_shut;
    }
    if (judgement.verdict == Verdict::kPassEndDownstream) {
      return has_delivered(down) && !down.sink_shut;
    }
    return true;
  });
}

TEST(RelayJudge, NoEndIsKeptFromTheOtherSide) {
  expect_for_all_pairs([](const auto& up, const auto& down, Side, const Judgement& judgement) {
    const bool is_due =
        (has_delivered(up) && !up.sink_shut && !down.source_failed && !up.source_failed) ||
        (has_delivered(down) && !down.sink_shut && !up.source_failed && !down.source_failed);
    return !is_due || judgement.verdict != Verdict::kContinue;
  });
}

TEST(RelayJudge, WhoEndedFirstIsTheReasonOfAnOrderlyEnd) {
  expect_for_all_pairs(
      [](const auto& up, const auto& down, Side first, const Judgement& judgement) {
        if (judgement.verdict != Verdict::kFinish || up.sink_failed || down.sink_failed)
          return true;
        if (is_hopeless(up, down)) return true;
        if (judgement.ending.side != first) return false;
        return judgement.ending.reason ==
               (first == Side::kServer ? CloseReason::kServerClosed : CloseReason::kClientClosed);
      });
}

TEST(RelayJudge, AResetIsTheDoingOfTheOneWhoSentIt) {
  expect_for_all_pairs([](const auto&, const auto&, Side, const Judgement& judgement) {
    if (judgement.verdict == Verdict::kResetServer) {
      return judgement.ending.reason == CloseReason::kClientReset &&
             judgement.ending.side == Side::kClient;
    }
    if (judgement.verdict == Verdict::kResetClient) {
      return judgement.ending.reason == CloseReason::kServerReset &&
             judgement.ending.side == Side::kServer;
    }
    return true;
  });
}

Side mirror(Side side) {
  if (side == Side::kUs) return side;
  return side == Side::kClient ? Side::kServer : Side::kClient;
}

Judgement mirror(Judgement judgement) {
  switch (judgement.verdict) {
    case Verdict::kPassEndUpstream:
      judgement.verdict = Verdict::kPassEndDownstream;
      break;
    case Verdict::kPassEndDownstream:
      judgement.verdict = Verdict::kPassEndUpstream;
      break;
    case Verdict::kResetServer:
      judgement.verdict = Verdict::kResetClient;
      break;
    case Verdict::kResetClient:
      judgement.verdict = Verdict::kResetServer;
      break;
    case Verdict::kContinue:
      return judgement;
    case Verdict::kFinish:
      break;
  }
  judgement.ending.side = mirror(judgement.ending.side);
  switch (judgement.ending.reason) {
    case CloseReason::kClientClosed:
      judgement.ending.reason = CloseReason::kServerClosed;
      break;
    case CloseReason::kServerClosed:
      judgement.ending.reason = CloseReason::kClientClosed;
      break;
    case CloseReason::kClientReset:
      judgement.ending.reason = CloseReason::kServerReset;
      break;
    case CloseReason::kServerReset:
      judgement.ending.reason = CloseReason::kClientReset;
      break;
    default:
      break;
  }
  return judgement;
}

TEST(RelayJudge, IsTheSameForBothDirectionsUnlessBothFailed) {
  expect_for_all_pairs(
      [](const auto& up, const auto& down, Side first, const Judgement& judgement) {
        // When both sides broke off someone has to come first.
        if (up.source_failed && down.source_failed) return true;
        if (up.sink_failed && down.sink_failed) return true;
        // Nobody ended first, but one must be named.
        if (first == Side::kUs && judgement.verdict == Verdict::kFinish) return true;
        // Both ends can not be passed on at once.
        if (has_delivered(up) && has_delivered(down)) {
          if (judgement.verdict != Verdict::kFinish) return true;
        }
        return content(mirror(judgement)) == content(judge(down, up, mirror(first)));
      });
}

TEST(RelayJudge, ASinkThatClosedInOrderFinishesWithoutTheRest) {
  RelayState up;
  up.sink_failed = true;
  RelayState down;
  down.source_ended = true;
  const Judgement judgement = judge(up, down, Side::kServer);
  EXPECT_EQ(judgement.verdict, Verdict::kFinish);
  EXPECT_EQ(judgement.ending.reason, CloseReason::kServerClosed);
  EXPECT_EQ(judgement.ending.side, Side::kServer);
}

TEST(RelayJudge, AnErrorThatNobodyExpectedIsOurs) {
  expect_for_all_pairs([](const auto& up, const auto& down, Side, const Judgement& judgement) {
    const bool is_ours =
        judgement.ending.reason == CloseReason::kInternal && judgement.ending.side == Side::kUs;
    if (up.is_broken || down.is_broken) return judgement.verdict == Verdict::kFinish && is_ours;
    return judgement.verdict != Verdict::kFinish || !is_ours;
  });
}

TEST(RelayJudge, WhatCannotGoOnEndsByOurDoingAndTheOtherSideSeesAReset) {
  RelayState given_up;
  given_up.is_given_up = given_up.source_failed = true;
  given_up.held = 1;
  EXPECT_EQ(judge(given_up, {}, Side::kUs).verdict, Verdict::kContinue) << "bytes before it";
  given_up.held = 0;
  const Judgement by_client = judge(given_up, {}, Side::kUs);
  EXPECT_EQ(by_client.verdict, Verdict::kResetServer);
  EXPECT_EQ(by_client.ending.reason, CloseReason::kLimit);
  EXPECT_EQ(by_client.ending.side, Side::kUs);
  EXPECT_EQ(judge({}, given_up, Side::kUs).verdict, Verdict::kResetClient);
  given_up.source_failed = false;
  given_up.sink_failed = true;
  EXPECT_EQ(judge(given_up, {}, Side::kUs).verdict, Verdict::kResetClient);
  EXPECT_EQ(judge({}, given_up, Side::kUs).verdict, Verdict::kResetServer);
}

TEST(RelayJudge, BothEndsIdleGoOn) {
  EXPECT_EQ(judge({}, {}, Side::kUs).verdict, Verdict::kContinue);
}

}  // namespace
}  // namespace sluice::proxy
