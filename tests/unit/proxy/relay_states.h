// Every state that a direction of a session can be in, for the tests that walk over all of them.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "proxy/relay_plan.h"

namespace sluice::proxy {

inline constexpr std::array kHeld = {
    0U, 1U, kLowWater, kLowWater + 1, kHighWater, kHighWater + 1, 1024U * 1024U};
inline constexpr unsigned kFlags = 12;  // two gears and ten flags

inline bool bit(unsigned word, unsigned place) {
  return ((word >> place) & 1U) != 0;
}

/// Numbers of buffers that hold these bytes: none without bytes, and none in splice, where they are
/// in a pipe.
inline std::vector<std::uint32_t> possible_chunks(Gear gear, std::uint32_t held) {
  if (gear == Gear::kSplice || held == 0) return {0};
  std::vector<std::uint32_t> possible;
  for (const std::uint32_t chunks :
       {1U, kLowChunks, kLowChunks + 1, kHighChunks, kHighChunks + 1}) {
    if (chunks <= held) possible.push_back(chunks);
  }
  return possible;
}

inline RelayState make_state(unsigned flags, std::uint32_t held) {
  RelayState state;
  state.gear = bit(flags, 0) ? Gear::kSplice : Gear::kCopy;
  state.wanted = bit(flags, 1) ? Gear::kSplice : Gear::kCopy;
  state.is_receiving = bit(flags, 2);
  state.is_cancelling = bit(flags, 3);
  state.is_sending = bit(flags, 4);
  state.is_starved = bit(flags, 5);
  state.is_stopped = bit(flags, 6);
  state.source_ended = bit(flags, 7);
  state.source_failed = bit(flags, 8);
  state.sink_failed = bit(flags, 9);
  state.sink_shut = bit(flags, 10);
  state.is_gathering = bit(flags, 11);
  state.held = held;
  return state;
}

inline std::string show(const RelayState& state) {
  std::string text = state.gear == Gear::kCopy ? "copy" : "splice";
  text += state.wanted == Gear::kCopy ? ">copy" : ">splice";
  const auto add = [&](bool is_set, const char* name) {
    if (is_set) text += std::string(" ") + name;
  };
  add(state.is_receiving, "receiving");
  add(state.is_cancelling, "cancelling");
  add(state.is_sending, "sending");
  add(state.is_starved, "starved");
  add(state.is_gathering, "gathering");
  add(state.is_stopped, "stopped");
  add(state.source_ended, "source_ended");
  add(state.source_failed, "source_failed");
  add(state.sink_failed, "sink_failed");
  add(state.sink_shut, "sink_shut");
  add(state.is_broken, "broken");
  return text + " held=" + std::to_string(state.held) + " in " + std::to_string(state.chunks);
}

inline const std::vector<RelayState>& all_states() {
  static const std::vector<RelayState> states = [] {
    std::vector<RelayState> made;
    for (unsigned flags = 0; flags < (1U << kFlags); ++flags) {
      for (const std::uint32_t held : kHeld) {
        RelayState state = make_state(flags, held);
        for (const std::uint32_t chunks : possible_chunks(state.gear, held)) {
          state.chunks = chunks;
          made.push_back(state);
        }
      }
    }
    return made;
  }();
  return states;
}

}  // namespace sluice::proxy
