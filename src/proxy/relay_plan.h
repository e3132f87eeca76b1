// What one direction of a session does next, and what two directions together come to: pure
// functions of their state.
//
// `relay.cc` and `session_relay.cc` do what is decided here. Keeping the decisions free of effects
// lets the tests walk through every state (tests/unit/proxy/relay_plan_test.cc).
#pragma once

#include <cstdint>

#include "sluice/stats.h"

namespace sluice::proxy {

/// How a direction moves bytes. Copy: a shared receive buffer, then a send; cheapest for small
/// messages and for short sessions. Splice: a pipe between the two sockets, the bytes never come to
/// user space; cheapest for bulk.
enum class Gear : std::uint8_t { kCopy, kSplice };

/// Everything that decides a direction's next step.
struct RelayState {
  Gear gear = Gear::kCopy;
  Gear wanted = Gear::kCopy;   ///< the gear to change to when the direction is next empty
  bool is_receiving = false;   ///< a receive, or in splice a wait for readability, is in flight
  bool is_cancelling = false;  ///< its end has been asked for
  bool is_sending = false;     ///< a send, or in splice a wait for writability, is in flight
  bool is_gathering = false;   ///< the rest of what has arrived is about to be told: send with it
  bool is_starved = false;     ///< it waits for a receive buffer
  bool is_stopped = false;     ///< the session closes: no new step
  bool source_ended = false;   ///< the source's FIN has been read
  bool source_failed = false;  ///< the source was reset or broke
  bool sink_failed = false;    ///< nothing can be written any more
  bool is_broken = false;      ///< an error that nobody expected
  bool is_given_up = false;    ///< we cannot go on with its source or sink, which failed for that
  bool sink_shut = false;      ///< the end has been passed on
  bool must_tell_end = false;  ///< the sink is to be told of the end even where both have ended
  std::uint32_t chunks = 0;    ///< copy: buffers that hold them
  std::uint32_t held = 0;      ///< bytes taken from the source that the sink has not taken yet
};

/// Above this a direction stops receiving, below the other it starts again. Bytes.
inline constexpr std::uint32_t kHighWater = 64 * 1024;
inline constexpr std::uint32_t kLowWater = 16 * 1024;

/// The same for the number of buffers: a byte that arrives alone takes a whole one.
inline constexpr std::uint32_t kHighChunks = 8;
inline constexpr std::uint32_t kLowChunks = 2;

enum class Step : std::uint8_t {
  kWait,        ///< what is in flight decides
  kReceive,     ///< start receiving into the shared buffers
  kPause,       ///< ask the receive in flight to end
  kSend,        ///< send what is held
  kSplice,      ///< move bytes through the pipe until one side blocks
  kChangeGear,  ///< nothing is held or in flight toward us: `gear` becomes `wanted`
};

[[nodiscard]] Step plan(const RelayState& state) noexcept;

/// Every byte that the source gave before its end has been written, and nothing is in flight toward
/// the sink.
[[nodiscard]] constexpr bool has_delivered(const RelayState& state) noexcept {
  return state.source_ended && state.held == 0 && !state.is_sending;
}

enum class Verdict : std::uint8_t {
  kContinue,
  kPassEndUpstream,    ///< the client has ended its direction: send the server a FIN
  kPassEndDownstream,  ///< the server has
  kFinish,             ///< all is said: close both
  kResetServer,  ///< the client broke off: let the server see a reset, behind the bytes before it
  kResetClient,  ///< the server did
};

/// Why a session that ends now has ended.
struct Ending {
  CloseReason reason = CloseReason::kInternal;
  Side side = Side::kUs;
};

struct Judgement {
  Verdict verdict = Verdict::kContinue;
  Ending ending;
};

/// `first_end` is who sent the first FIN: a session that both sides closed in order is counted as
/// the first one's doing.
[[nodiscard]] Judgement judge(const RelayState& upstream, const RelayState& downstream,
                              Side first_end) noexcept;

}  // namespace sluice::proxy
