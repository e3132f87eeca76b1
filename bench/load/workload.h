// The seam between the run loop (runner.h) and the kinds of load.
#pragma once

#include <cstdint>

#include "clock.h"
#include "socket.h"
#include "tally.h"

namespace sluice::bench {

/// How the units of a run follow each other.
enum class Pace {
  kOnce,     ///< each connection (or slot) does one unit
  kNonStop,  ///< closed loop: the next unit begins when the last has ended
  kBursts,   ///< all at once, and again when all have ended
  kByClock   ///< open loop: units begin at fixed intended times, whether or not the last has ended
};

/// A kind of load. Between runs its connections stay open and quiet.
class Workload {
 public:
  virtual ~Workload() = default;

  /// Opens the connections that live through all runs.
  [[nodiscard]] virtual Result<void> open() = 0;

  /// Begins a run; the tally starts at zero. The open loop intends nothing for `end` or later.
  virtual void start(Pace pace, Time begin, Time end) = 0;
  /// Begins what is due at `time`; only the open loop has such work.
  virtual void tick(Time time) = 0;
  /// When `tick` is next needed.
  [[nodiscard]] virtual Time next_due() const = 0;
  /// Begins nothing more; what is outstanding may end.
  virtual void stop(Time time) = 0;
  [[nodiscard]] virtual bool is_quiet() const = 0;
  /// How many units have begun and not ended.
  [[nodiscard]] virtual std::uint64_t outstanding() const = 0;

  /// Bytes that reached this side's sockets and were not read: the proxy has worked for them.
  [[nodiscard]] virtual std::uint64_t queued_bytes() const { return 0; }

  [[nodiscard]] virtual Tally& tally() = 0;
};

}  // namespace sluice::bench
