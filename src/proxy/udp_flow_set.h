// The UDP flows of one worker: makes them, keeps them in order of age and of idleness, finds them
// for `lbstat sessions` and `kill`.
//
// A backend has `max_flows` over all workers. A worker that begins one more than that and holds
// more than its share ends its own longest idle flow for it; a worker that holds less asks the
// others to (`FlowRoom`), and for that moment there are more flows than `max_flows`, by one share
// at the most. Flows whose client has never spoken again after an answer go first: a flood from
// forged addresses, of which none has seen an answer, ends its own flows and not those that live.
//
// Thread: its worker's.
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <vector>

#include "base/slab.h"
#include "proxy/session_set.h"
#include "proxy/udp_flow.h"

namespace sluice::proxy {

/// The flows of a backend on this worker, the longest idle first.
struct FlowRanks {
  explicit FlowRanks(balance::BackendState& backend_in) : backend(&backend_in) {}

  balance::BackendState* backend;  ///< alive while there are flows
  std::uint64_t count = 0;
  base::IntrusiveList<UdpFlow, ByIdleness> unproven;
  base::IntrusiveList<UdpFlow, ByIdleness> proven;
};

/// What only the other workers know or can do.
class FlowRoom {
 public:
  /// The process may have one session more.
  [[nodiscard]] virtual bool has_room() const noexcept = 0;
  /// One that holds more of the backend's flows than its share, which is `share`, is to end one.
  virtual void ask_others(const std::string& backend, std::uint64_t share) noexcept = 0;

 protected:
  ~FlowRoom() = default;
};

class UdpFlowSet final : private UdpFlowOwner {
 public:
  UdpFlowSet(UdpContext& context, SessionSet& sessions, FlowRoom& room)
      : context_(context), sessions_(sessions), room_(room) {}

  /// A new flow of this listener, in its table. Null where it could not begin; that is counted.
  [[nodiscard]] UdpFlow* begin(UdpListener& listener, TablePin& pin, FrontendRoute& frontend,
                               const FlowKey& key);

  /// Another worker needs room: ends the longest idle flow of this backend if more than `share` of
  /// them are here. Says whether.
  bool give_room(const std::string& backend, std::uint64_t share) noexcept;

  /// End of turn, first: sends what waits.
  void flush() noexcept;
  /// End of turn, once there are buffers: receives go on, ended flows are freed.
  void end_turn() noexcept;

  // As SessionSet's.
  std::uint64_t close(const SessionFilter& filter, CloseReason reason) noexcept;
  std::uint64_t close_part(const SessionFilter& filter, CloseReason reason,
                           std::uint64_t parts) noexcept;
  [[nodiscard]] std::vector<SessionRow> describe(const SessionFilter& filter, std::size_t limit);
  [[nodiscard]] std::uint64_t count(const SessionFilter& filter) noexcept;

  /// Flows that are quiet need not be waited for any longer.
  void review_quietness() noexcept;

  /// Flows that have not been freed.
  [[nodiscard]] std::size_t size() const noexcept { return slab_.size(); }

 private:
  void on_flow_pending(UdpFlow& flow) noexcept override;
  void on_flow_starved(UdpFlow& flow) noexcept override;
  void on_flow_active(UdpFlow& flow) noexcept override;
  void on_flow_ending(UdpFlow& flow) noexcept override;
  void on_flow_ended(UdpFlow& flow) noexcept override;

  /// A flow that does not begin.
  void refuse(FrontendRoute& frontend, CloseReason reason) noexcept;
  [[nodiscard]] FlowRanks& ranks_of(balance::BackendState& backend);
  /// For one flow more, which the backend's number of flows includes already.
  [[nodiscard]] bool make_room(FlowRanks& ranks, const UdpRules& rules) noexcept;
  bool evict(FlowRanks& ranks) noexcept;

  UdpContext& context_;
  SessionSet& sessions_;
  FlowRoom& room_;
  base::Slab<UdpFlow> slab_;
  base::IntrusiveList<UdpFlow, ByAge> flows_;  ///< ended ones that are not freed yet included
  base::IntrusiveList<UdpFlow, Pending> pending_;
  base::IntrusiveList<UdpFlow, Starved> starved_;
  std::vector<UdpFlow*> ended_;
  std::list<FlowRanks> ranks_;
};

}  // namespace sluice::proxy
