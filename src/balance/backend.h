// A backend of one compiled table: its servers, and which of them the next session goes to.
//
// Immutable after construction but for each worker's view of it, which only that worker touches, so
// all workers pick at once without a lock. It refers to live state by raw pointer; whoever compiles
// the table keeps that state alive (registry.h).
//
// Who shares the traffic (the pool):
// - A server is usable when its checks say up, its weight is not 0 and no order at run time takes
//   it out (orders.h).
// - Usable active servers are in the pool. Usable passive ones join them, all of them and under the
//   same policy, while fewer than `standby_min_active` active ones are usable. A session does not
//   reach an idle passive server just because the active ones refused it: a standby may be one that
//   must not be written to before the active one is known to be down.
// - An ejected server (outlier.h) is left out while one that is not is in the pool. It still counts
//   as active: sessions that fail are no reason for a standby to step in, a check that fails is.
// - Where nobody is usable, `all_down` decides: refuse, or go by the same rules as if all were up.
// The pool is worked out again only when a server went up or down or got other orders, not for each
// session: the first pick after that costs 0.3 us with 10 servers, 54 us with 1,000, 0.8 ms with
// 10,000.
//
// Persistence (persistence.h): a client that is remembered goes back to its server while that is
// up, also where it is being drained or has weight 0. Where it is down, in maintenance, tried in
// vain or a standby that is not needed any more, another one is picked and remembered; where it is
// full, another one serves a session that cannot wait (UDP), and only this one.
//
// Waiting (wait_line.h): a session that finds every server of the pool full waits in the backend's
// line, one whose own server is full in that server's. Nobody overtakes: newcomers go behind those
// who wait already, also where a server has just got room. Between the two kinds of line the older
// ticket comes first.
//
// Retries: a server that the session has tried is not picked while an untried one of the pool is
// open; after that any but the one tried last; that one only if it is alone.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <tl/expected.hpp>
#include <vector>

#include "balance/persistence.h"
#include "balance/policy.h"
#include "balance/server.h"

namespace sluice::balance {

enum class WhenAllDown : std::uint8_t { kReject, kTryAnyway };

struct BackendRules {
  WhenAllDown all_down = WhenAllDown::kReject;
  std::uint32_t standby_min_active = 1;
  PersistenceRules persistence{};
};

/// Why no server was picked.
enum class NoServer : std::uint8_t {
  kAllDown,
  kAllFull,  ///< every server of the pool has its max_sessions
};

/// The servers one session has tried, the last kLimit of them; part of the session.
class TriedServers {
 public:
  static constexpr std::size_t kLimit = 16;

  /// Notes the server that has just failed. Beyond kLimit the oldest is forgotten.
  void add(std::uint32_t index) noexcept;
  void clear() noexcept { size_ = 0; }

  [[nodiscard]] std::span<const std::uint32_t> indices() const noexcept {
    return {indices_.data(), size_};
  }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  std::array<std::uint32_t, kLimit> indices_{};
  std::uint8_t size_ = 0;
};

/// What the backend can do now, for display.
struct Availability {
  std::uint32_t usable_active = 0;
  std::uint32_t usable_passive = 0;
  std::uint32_t ejected = 0;        ///< of these
  bool is_standby_serving = false;  ///< passive servers take traffic
};

class Backend {
 public:
  /// `state` and the candidates' states live longer; all candidates belong to `state`.
  Backend(BackendState& state, std::vector<Candidate> candidates, BackendRules rules,
          std::unique_ptr<Policy> policy);

  using Picked = tl::expected<std::uint32_t, NoServer>;

  /// The server for a session, as index into candidates(), not counted yet. Worker
  /// `context.worker` only; so the next two.
  [[nodiscard]] Picked pick(const PickContext& context) noexcept;

  /// The same for a session that cannot wait, which is counted on it (ServerState::take()).
  [[nodiscard]] Picked take(const PickContext& context) noexcept;

  /// Where a session has to wait; null: there is no server, waiting would be in vain.
  using Taken = tl::expected<std::uint32_t, WaitLine*>;
  /// The same for one that can. `bound`: the server that it has to go to, whoever says so; where
  /// nobody does, the one that is remembered.
  [[nodiscard]] Taken take_or_wait(const PickContext& context,
                                   std::optional<std::uint32_t> bound) noexcept;

  /// Whether a session whose client is bound to this server may go there: the server is up, not in
  /// maintenance and has not been tried in vain; it may be full. A drained or passive one serves
  /// those who are bound to it. Any worker.
  [[nodiscard]] bool can_serve_bound(std::uint32_t index,
                                     const PickContext& context) const noexcept;

  /// Calls `visit(WaitLine&)` for every line of which somebody may not have to wait any more.
  /// Worker `worker` only; takes time in proportion to the number of servers.
  template <typename Visit>
  void visit_lines_with_room(std::uint32_t worker, Visit visit) noexcept;
  /// The same, but for the lines of single servers only: who waits for any has had his turn.
  template <typename Visit>
  void visit_servers_with_room(Visit visit) noexcept;

  /// The limits of its servers hold from now on. Control thread.
  void come_into_force() const noexcept;

  [[nodiscard]] std::span<const Candidate> candidates() const noexcept { return candidates_; }
  [[nodiscard]] const Candidate& candidate(std::uint32_t index) const noexcept {
    return candidates_[index];
  }
  [[nodiscard]] BackendState& state() const noexcept { return *state_; }
  [[nodiscard]] const Persistence& persistence() const noexcept { return persistence_; }

  /// Tells the policy that a weight was changed at run time (ServerState::set_orders()). Control
  /// thread; workers may pick meanwhile.
  void rebuild();

  /// The weight of a candidate now: what was ordered at run time, else the table's. Any thread.
  [[nodiscard]] std::uint16_t weight(std::uint32_t index) const noexcept {
    const Candidate& candidate = candidates_[index];
    return candidate.state->orders().weight.value_or(candidate.weight);
  }

  /// Control thread; takes time in proportion to the number of servers.
  [[nodiscard]] Availability availability() const;

  /// How a candidate is to be shown, given what availability() said.
  [[nodiscard]] static Duty duty(const Candidate& candidate,
                                 const Availability& availability) noexcept;

 private:
  struct alignas(64) View {
    Pool pool;
    std::uint64_t changes = 0;  ///< BackendState::changes() that it was made from
    bool is_made = false;
  };

  [[nodiscard]] Picked pick_anew(const Pool& pool, const PickContext& context) noexcept;
  [[nodiscard]] Picked pick_remembered(const Pool& pool, const PickContext& context,
                                       std::uint64_t key) noexcept;
  /// The server that the client is remembered for, where that would take it back.
  [[nodiscard]] std::optional<std::uint32_t> home(const Pool& pool,
                                                  const PickContext& context) const noexcept;
  /// Whether a server that is not in the pool, or is, takes back a client of its own.
  [[nodiscard]] bool takes_back(const Pool& pool, std::uint32_t index,
                                const PickContext& context) const noexcept;

  const Pool& current_pool(std::uint32_t worker) noexcept;
  void fill(Pool& pool) const noexcept;
  enum class Assume : std::uint8_t { kHealth, kAllUp };
  /// Lists the usable servers, active and passive; allocates only beyond `usable`'s capacity.
  Availability gather(std::vector<std::uint32_t>& usable, Assume assume) const;

  BackendState* state_;
  std::vector<Candidate> candidates_;
  BackendRules rules_;
  Persistence persistence_;
  std::unique_ptr<Policy> policy_;
  std::vector<View> views_;
};

template <typename Visit>
void Backend::visit_lines_with_room(std::uint32_t worker, Visit visit) noexcept {
  if (state_->waiting().is_below(1)) return;
  const Pool& pool = current_pool(worker);
  const auto general = state_->line().oldest();
  bool is_general_due = pool.members.empty();  // they have to be told
  for (const Candidate& candidate : candidates_) {
    if (!candidate.state->is_below_limit()) continue;
    const auto own = candidate.state->line().oldest();
    const auto index = static_cast<std::uint32_t>(&candidate - candidates_.data());
    if (general && pool.has(index) && (!own || general->ticket < own->ticket)) {
      is_general_due = true;
    } else if (own) {
      visit(candidate.state->line());
    }
  }
  if (general && is_general_due) visit(state_->line());
}

template <typename Visit>
void Backend::visit_servers_with_room(Visit visit) noexcept {
  for (const Candidate& candidate : candidates_) {
    if (candidate.state->line().size() > 0 && candidate.state->is_below_limit()) {
      visit(candidate.state->line());
    }
  }
}

}  // namespace sluice::balance
