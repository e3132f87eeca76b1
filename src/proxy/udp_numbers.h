// What a worker counts about UDP besides sessions and bytes: what went through, what was dropped
// and why. Its worker writes, anybody reads.
#pragma once

#include "stats/counters.h"

namespace sluice::proxy {

struct UdpNumbers {
  stats::Counter flows;          ///< now
  stats::Counter begun;          ///< flows
  stats::Counter datagrams_in;   ///< from clients
  stats::Counter datagrams_out;  ///< from servers
  stats::Counter evicted;        ///< flows ended early to make room for newer ones
  stats::Counter refusals;       ///< servers' "port unreachable" (ICMP)

  // Datagrams dropped, by cause.
  stats::Counter overflowed;  ///< by the kernel: the listening socket was full
  stats::Counter unflowed;    ///< from a client that could not have a flow
  stats::Counter oversize;    ///< too long for the way on, or for a buffer
  stats::Counter unsent;      ///< no room to send, no route, refused

  /// Receives that found every buffer taken; their datagrams waited in the kernel.
  stats::Counter shortages;
};

}  // namespace sluice::proxy
