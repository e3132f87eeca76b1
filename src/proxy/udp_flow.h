// A client's address and port, and the server that its datagrams go to.
//
//   begin() --> open --> ending --> ended
//
// open: a server has been picked and a socket connected to it, which stays the flow's for life: the
// server sees one address and port. What arrives in a turn of the loop waits in two queues and is
// sent on at the turn's end, joined where it can be. ending: out of the table, so that the client's
// next datagram begins a new flow; lasts until the receive in flight has come back. ended: its set
// frees it at the end of the turn.
//
// A server that refuses ("port unreachable") is left for another one while it has never answered,
// `retries` times at once, then once a second, and the flow's first datagram is sent again. Where
// there is no other the flow stays. A flow that has had answers ends: what the server knew about it
// is gone, and the next datagram may find a better one.
//
// A server that wants a PROXY header gets it in one datagram with the first that leaves for it.
//
// An end comes by quietness, by the number of answers, to make room, or from outside. `settle()`
// runs after every completion and arms the receive or ends the flow. Thread: its worker's. Limits:
// the first datagram is kept for a second and within UdpContext::kMostKeptBytes; about 500 bytes of
// process memory a flow.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "balance/backend.h"
#include "base/clock.h"
#include "base/intrusive_list.h"
#include "proxy/datagram_run.h"
#include "proxy/relay_plan.h"
#include "proxy/table_pins.h"
#include "proxy/udp_context.h"
#include "proxy/udp_flow_table.h"
#include "reactor/timer_wheel.h"
#include "sluice/stats.h"
#include "sys/fd.h"

namespace sluice::proxy {

class UdpFlow;
class UdpListener;
struct FlowRanks;

/// The set that a flow is in.
class UdpFlowOwner {
 public:
  /// It has something to send at the end of the turn.
  virtual void on_flow_pending(UdpFlow& flow) noexcept = 0;
  /// No buffer was free: try again at the end of the turn.
  virtual void on_flow_starved(UdpFlow& flow) noexcept = 0;
  /// Something came from its client or server: it is the last to be evicted.
  virtual void on_flow_active(UdpFlow& flow) noexcept = 0;
  /// No datagram may find it any more.
  virtual void on_flow_ending(UdpFlow& flow) noexcept = 0;
  /// The last call about this flow.
  virtual void on_flow_ended(UdpFlow& flow) noexcept = 0;

 protected:
  ~UdpFlowOwner() = default;
};

struct ByAge;
struct ByIdleness;
struct Pending;
struct Starved;

class UdpFlow final : public FlowEntry,
                      public base::ListHook<ByAge>,
                      public base::ListHook<ByIdleness>,
                      public base::ListHook<Pending>,
                      public base::ListHook<Starved> {
 public:
  /// Where it comes from. All of it outlives the flow.
  struct Origin {
    std::uint64_t id;
    TablePin& pin;
    FrontendRoute& frontend;
    UdpListener& listener;
    FlowRanks& ranks;
  };

  UdpFlow(UdpContext& context, UdpFlowOwner& owner, const Origin& origin,
          const FlowKey& key) noexcept;
  ~UdpFlow();

  /// Picks a server and connects. May end the flow.
  void begin() noexcept;

  /// From its client.
  void on_datagram(const DatagramPool::Arrival& arrival) noexcept;

  /// Sends what waits. At the end of a turn, before buffers are recycled.
  void flush() noexcept;

  /// Ends it, if it is open. What waits is still sent.
  void end(Ending ending) noexcept;

  /// Arms the receive again, now that there are buffers.
  void resume() noexcept;

  /// The limit of quietness may have become shorter.
  void review_quietness() noexcept;

  [[nodiscard]] bool is_open() const noexcept { return state_ == State::kOpen; }
  /// Its client has spoken again after an answer: it is there, and not just a forged address.
  [[nodiscard]] bool is_proven() const noexcept { return is_proven_; }
  [[nodiscard]] std::uint64_t id() const noexcept { return origin_.id; }
  [[nodiscard]] UdpListener& listener() const noexcept { return origin_.listener; }
  [[nodiscard]] FlowRanks& ranks() const noexcept { return origin_.ranks; }
  [[nodiscard]] base::TimePoint last_activity() const noexcept { return last_activity_; }
  /// Null where none could be had.
  [[nodiscard]] balance::ServerState* server() const noexcept;
  [[nodiscard]] BackendRoute& backend() const noexcept { return *origin_.frontend.backend; }

  [[nodiscard]] SessionRow describe() const;

  void settle() noexcept;

 private:
  enum class State : std::uint8_t { kOpen, kEnding, kEnded };

  void on_receive(uring::Outcome outcome) noexcept;
  void on_timer() noexcept;

  void on_answer(const DatagramPool::Arrival& arrival) noexcept;
  void on_receive_failed(int error) noexcept;
  void on_refused() noexcept;
  [[nodiscard]] bool may_move() noexcept;

  [[nodiscard]] balance::PickContext wish() const noexcept;
  /// Connects to a picked server; goes on to others while that fails at once.
  [[nodiscard]] bool connect_to_next() noexcept;
  /// To one that it has been counted on (ServerState::take()). Gives an errno, 0 = done.
  [[nodiscard]] int connect_to(std::uint32_t server) noexcept;
  void leave_server() noexcept;

  void send_upstream() noexcept;
  void send_run(DatagramRun& run) noexcept;
  [[nodiscard]] SendFault send_once(DatagramRun& run) noexcept;
  /// Behind the header, where that is due. Gives an errno, 0 = done.
  [[nodiscard]] int send_message(DatagramRun& run) noexcept;
  /// What its client spoke to.
  [[nodiscard]] Endpoint destination() const noexcept;
  void send_singly(const DatagramRun& run) noexcept;
  void drop(SendFault fault, std::uint32_t datagrams) noexcept;
  void keep_first(std::span<const std::byte> bytes) noexcept;
  void forget_first() noexcept;
  void repeat_first() noexcept;

  void touch() noexcept;
  void record() noexcept;
  [[nodiscard]] bool has_all_answers() const noexcept;
  [[nodiscard]] base::Duration quiet_limit() const noexcept;
  [[nodiscard]] base::TimePoint now() const noexcept { return context_.reactor.now(); }

  UdpContext& context_;
  UdpFlowOwner& owner_;
  Origin origin_;
  base::TimePoint began_at_;
  base::TimePoint last_activity_;
  base::TimePoint moved_at_;
  base::Duration answer_time_{0};  ///< from the first datagram to the first answer
  std::uint64_t bytes_in_ = 0;
  std::uint64_t bytes_out_ = 0;
  std::uint64_t questions_ = 0;  ///< datagrams from the client
  std::uint64_t answers_ = 0;    ///< datagrams from the server
  std::unique_ptr<std::byte[]> first_;
  std::uint32_t first_bytes_ = 0;
  std::uint32_t retries_ = 0;
  std::uint32_t moves_in_a_row_ = 0;
  std::optional<std::uint32_t> server_index_;
  Endpoint server_address_;  ///< of the last one tried; a host name's may change meanwhile
  balance::TriedServers tried_;
  DatagramQueue upstream_;
  DatagramQueue downstream_;
  sys::Fd socket_;
  Ending ending_;
  State state_ = State::kOpen;
  Joining upstream_joining_ = Joining::kAllowed;
  Joining downstream_joining_ = Joining::kAllowed;
  bool is_proven_ = false;
  bool is_first_sent_ = false;
  bool is_header_due_ = false;  ///< the server has not been told yet who the client is
  bool is_refused_ = false;     ///< the last thing heard from the server
  bool is_stale_ = false;  ///< the receive in flight is on the socket to a server that was left
  uring::Op<&UdpFlow::on_receive> receive_{*this};
  reactor::Timer<&UdpFlow::on_timer> timer_{*this};
};

}  // namespace sluice::proxy
