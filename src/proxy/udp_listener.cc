#include "proxy/udp_listener.h"

#include <cerrno>
#include <utility>

#include "proxy/udp_flow.h"
#include "proxy/udp_flow_set.h"
#include "sys/udp_socket.h"

namespace sluice::proxy {
namespace {

/// The kernel's count of datagrams it had no room for is looked at this often.
constexpr std::chrono::seconds kCountEvery{1};

/// After an error that is likely to come again; and between two looks at other workers' flows.
constexpr base::milliseconds kReceivePause{100};

}  // namespace

void UdpListener::on_receive(uring::Outcome outcome) noexcept {
  if (outcome.has_buffer()) return on_datagram(context_.from_clients.take(outcome));
  if (outcome.result == -ENOBUFS) return context_.numbers.shortages.add(1);
  is_short_ = outcome.result != -ECANCELED && outcome.result != -EINTR;
}

void UdpListener::on_datagram(const DatagramPool::Arrival& arrival) noexcept {
  context_.numbers.datagrams_in.add(arrival.datagrams);
  if (arrival.is_cut) return context_.numbers.oversize.add(1);
  const FlowKey key{arrival.from, arrival.to};
  auto* flow = static_cast<UdpFlow*>(table_.find(key));
  if (flow == nullptr && route_ != nullptr) {
    flow = flows_.begin(*this, *context_.sessions.pins.current(), *route_, key);
  }
  if (flow == nullptr) return context_.numbers.unflowed.add(arrival.datagrams);
  flow->on_datagram(arrival);
}

void UdpListener::end_turn() noexcept {
  if (is_closed()) return;
  count_overflow();
  if (is_draining() && address_flows_.value() == 0) {
    timer_.disarm();
    context_.reactor.ring().cancel(receive_);
    if (!receive_.is_in_flight()) fd_.reset();
    return;
  }
  // Flows of other workers end without waking this one.
  if (is_draining() && table_.size() == 0 && !timer_.is_armed()) {
    context_.reactor.timers().arm(timer_, context_.reactor.now() + kReceivePause);
  }
  if (receive_.is_in_flight() || (timer_.is_armed() && !is_draining())) return;
  if (std::exchange(is_short_, false)) {
    return context_.reactor.timers().arm(timer_, context_.reactor.now() + kReceivePause);
  }
  context_.from_clients.receive(context_.reactor.ring(), receive_, fd_.get());
}

void UdpListener::enter(FlowEntry& flow) {
  table_.insert(flow);
  address_flows_.up();
}

void UdpListener::leave(FlowEntry& flow) noexcept {
  table_.remove(flow);
  address_flows_.down();
}

void UdpListener::count_overflow() noexcept {
  const base::TimePoint now = context_.reactor.now();
  if (now - counted_at_ < kCountEvery) return;
  counted_at_ = now;
  const std::uint32_t overflowed = sys::datagrams_dropped(fd_.get());
  context_.numbers.overflowed.add(overflowed - std::exchange(overflowed_, overflowed));
}

}  // namespace sluice::proxy
