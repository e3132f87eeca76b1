// What all flows and UDP listeners of a worker share. Thread: its worker's.
#pragma once

#include <cstddef>

#include "base/intrusive_list.h"
#include "proxy/datagram_pool.h"
#include "proxy/reply_batch.h"
#include "proxy/session.h"
#include "proxy/udp_numbers.h"
#include "reactor/reactor.h"

namespace sluice::proxy {

struct UdpContext {
  /// First datagrams are kept until an answer shows that they have arrived; beyond this much of
  /// them a new flow's is not.
  static constexpr std::size_t kMostKeptBytes = std::size_t{4} * 1024 * 1024;

  reactor::Reactor& reactor;
  DatagramPool& from_clients;
  DatagramPool& from_servers;
  SessionContext& sessions;  ///< pins, log, reasons: the same as TCP's
  UdpNumbers& numbers;
  ReplyBatch& replies;
  std::size_t kept_bytes = 0;
  bool is_stopping = false;  ///< a flow that has been quiet for a moment need not be waited for
};

}  // namespace sluice::proxy
