// UDP on one worker: its listeners, its flows, and what they share.
//
// Everything that arrives in a turn of the loop is sent on at the end of it (`end_turn()`): so
// datagrams of a flow can be joined, and answers to many clients go out in one call. Thread: its
// worker's; `numbers()` any.
#pragma once

#include <list>
#include <string>

#include "proxy/datagram_pool.h"
#include "proxy/reply_batch.h"
#include "proxy/udp_flow_set.h"
#include "proxy/udp_listener.h"

namespace sluice::proxy {

class UdpService {
 public:
  struct Pools {
    DatagramPool& from_clients;
    DatagramPool& from_servers;
  };

  UdpService(reactor::Reactor& reactor, Pools pools, SessionSet& sessions, FlowRoom& room);

  /// A socket for an address that the next take_table() knows. One whose listener still drains is
  /// not needed: the group of sockets, and so the kernel's choice among them, stays as it was.
  /// `flows` counts the address's flows on all workers and outlives this.
  void add(std::string name, sys::Fd fd, stats::SharedGauge& flows);
  /// Flows that begin from now on go by `table`, which is the pins' current one.
  void take_table(RouteTable& table) noexcept;
  /// No flow may begin; those that are there are waited for while they are busy.
  void stop_accepting() noexcept;

  void end_turn() noexcept;

  /// Neither a flow nor a listener is left.
  [[nodiscard]] bool is_idle() const noexcept { return listeners_.empty() && flows_.size() == 0; }
  [[nodiscard]] UdpFlowSet& flows() noexcept { return flows_; }
  [[nodiscard]] const UdpNumbers& numbers() const noexcept { return numbers_; }

 private:
  UdpNumbers numbers_;
  ReplyBatch replies_{numbers_};
  UdpContext context_;
  UdpFlowSet flows_;
  std::list<UdpListener> listeners_;
};

}  // namespace sluice::proxy
