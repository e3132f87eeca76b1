// One UDP socket of one worker that clients speak to, and the flows that came through it.
//
//   receiving --> draining --> closed
//       ^            |
//       +------------+   (the address came back with a later configuration)
//
// receiving: a datagram of a client that has no flow begins one. draining: the configuration has no
// such address any more, or the process stops: flows that are there go on, others cannot begin.
// closed: the last flow of the address has ended, on every worker, and nothing is in flight. None
// closes before: the kernel would spread the clients of the others anew over the sockets that are
// left.
//
// Every worker has its own socket for an address (SO_REUSEPORT); the kernel's hash over both ends
// keeps a client at one of them as long as the group of sockets stays as it is. Flows answer
// through this socket, so that the client hears from the address it spoke to. Thread: its worker's.
#pragma once

#include <string>

#include "proxy/route_table.h"
#include "proxy/udp_context.h"
#include "proxy/udp_flow_table.h"
#include "sys/fd.h"

namespace sluice::proxy {

class UdpFlowSet;

class UdpListener {
 public:
  /// `name` is what tables know the address by, `address_flows` the number of its flows on all
  /// workers.
  UdpListener(UdpContext& context, UdpFlowSet& flows, std::string name, sys::Fd fd,
              stats::SharedGauge& address_flows)
      : context_(context),
        flows_(flows),
        name_(std::move(name)),
        fd_(std::move(fd)),
        address_flows_(address_flows) {}

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

  // From the set of flows.
  void enter(FlowEntry& flow);
  void leave(FlowEntry& flow) noexcept;

  /// New flows go by this frontend, which is one of the current table. Null: none may begin.
  void set_route(FrontendRoute* route) noexcept { route_ = route; }
  [[nodiscard]] bool is_draining() const noexcept { return route_ == nullptr; }

  /// End of turn: receives again if it has to; looks whether draining is over.
  void end_turn() noexcept;

  [[nodiscard]] bool is_closed() const noexcept { return !fd_.is_open(); }

  void settle() noexcept {}  // end_turn() looks

 private:
  void on_receive(uring::Outcome outcome) noexcept;
  void on_timer() noexcept {}  // the turn that it makes looks again
  void on_datagram(const DatagramPool::Arrival& arrival) noexcept;
  void count_overflow() noexcept;

  UdpContext& context_;
  UdpFlowSet& flows_;
  std::string name_;
  sys::Fd fd_;
  FrontendRoute* route_ = nullptr;
  stats::SharedGauge& address_flows_;
  UdpFlowTable table_;
  base::TimePoint counted_at_;
  std::uint32_t overflowed_ = 0;  ///< the kernel's number when it was read last
  bool is_short_ = false;         ///< the last receive failed for want of memory
  uring::Op<&UdpListener::on_receive> receive_{*this};
  reactor::Timer<&UdpListener::on_timer> timer_{*this};
};

}  // namespace sluice::proxy
