// What a run of the load generator did. Units: messages (echo), connections (short), nothing
// (streams, which are counted in bytes).
#pragma once

#include <cstdint>

#include "clock.h"
#include "histogram.h"

namespace sluice::bench {

/// Why an exchange or a stream did not end as it should.
struct Failures {
  std::uint64_t connect = 0;     ///< refused, unreachable, no port, no descriptor
  std::uint64_t handshake = 0;   ///< TLS that did not come about
  std::uint64_t reset = 0;       ///< an error on an established connection
  std::uint64_t early_end = 0;   ///< the stream ended before all was received
  std::uint64_t corrupt = 0;     ///< verifying: bytes that are not the pattern
  std::uint64_t unanswered = 0;  ///< still outstanding when the drain time was over

  [[nodiscard]] std::uint64_t total() const {
    return connect + handshake + reset + early_end + corrupt + unanswered;
  }
};

/// What the handshakes of a run were.
struct TlsTally {
  std::uint64_t handshakes = 0;
  std::uint64_t resumed = 0;
};

struct Tally {
  std::uint64_t units = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t connections = 0;  ///< opened in the run
  TlsTally tls;
  /// Open loop: messages that were due and never sent, because every connection was busy. They
  /// stand in `latency` with the time they had waited by the end of the run, a lower bound.
  std::uint64_t missed = 0;
  std::uint64_t lost = 0;  ///< datagrams that the server did not get, or whose answer was lost
  Failures failures;
  Histogram latency;  ///< nanoseconds, from the intended time of sending to the last byte received
};

}  // namespace sluice::bench
