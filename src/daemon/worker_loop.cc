#include "daemon/worker_loop.h"

#include <algorithm>
#include <iterator>

#include "base/assert.h"

namespace sluice::daemon {
namespace {

constexpr std::size_t kLogRecords = 4096;

/// A connection is handed over when another worker has this many sessions fewer, or a tenth,
/// whichever is more: close enough to even, and far enough from passing every other connection
/// around.
constexpr std::uint64_t kClearlyBusier = 8;

/// Near a frontend's limit connections are accepted one by one: what a worker accepts beyond it has
/// left the kernel's queue and waits here.
constexpr std::uint64_t kNearLimit = 64;

/// How soon a worker that is full notices that sessions have ended elsewhere.
constexpr base::milliseconds kRecheck{20};

}  // namespace

/// An accepted connection on its way to a less busy worker.
struct WorkerLoop::HandOver final : reactor::Letter {
  HandOver(WorkerLoop& receiver_in, std::string name_in, sys::Fd client_in)
      : receiver(receiver_in), name(std::move(name_in)), client(std::move(client_in)) {}

  void deliver() noexcept override {
    receiver.arriving_.fetch_sub(1, std::memory_order_relaxed);
    Door* door = receiver.find_door(name);
    if (door != nullptr) return receiver.begin_session(*door, std::move(client));
    // The address was given up while the connection was under way.
    receiver.sessions_.refuse(CloseReason::kStopped);
  }

  WorkerLoop& receiver;
  std::string name;
  sys::Fd client;
};

/// Room for somebody who waits at another worker, in this line, if that still exists.
struct WorkerLoop::LineCall final : reactor::Letter {
  LineCall(WorkerLoop& receiver_in, const balance::WaitLine* line_in, std::uint64_t after_in)
      : receiver(receiver_in), line(line_in), after(after_in) {}

  void deliver() noexcept override { receiver.sessions_.room().on_call(line, after); }

  WorkerLoop& receiver;
  const balance::WaitLine* line;
  std::uint64_t after;
};

/// A worker has no room for a flow of this backend and holds fewer than its share. Goes from one of
/// its siblings to the next until one has made room, or none could.
struct WorkerLoop::RoomWish final : reactor::Letter {
  RoomWish(const std::vector<WorkerLoop*>& siblings_in, std::size_t receiver_in,
           std::string backend_in, std::uint64_t share_in)
      : siblings(siblings_in),
        receiver(receiver_in),
        backend(std::move(backend_in)),
        share(share_in) {}

  void deliver() noexcept override {
    if (siblings[receiver]->udp_.flows().give_room(backend, share) || --receivers_left == 0) return;
    const std::size_t next = (receiver + 1) % siblings.size();
    auto wish = std::make_unique<RoomWish>(siblings, next, std::move(backend), share);
    wish->receivers_left = receivers_left;
    siblings[next]->mailbox().post(std::move(wish));
  }

  const std::vector<WorkerLoop*>& siblings;  ///< of who asks; they never change
  std::size_t receiver;
  std::string backend;
  std::uint64_t share;
  std::size_t receivers_left = siblings.size();
};

WorkerLoop::Door::Door(WorkerLoop& loop, NewListener added)
    : listener(loop.reactor_, loop, std::move(added.name), std::move(added.fd),
               loop.numbers_.accept_pauses) {}

WorkerLoop::WorkerLoop(Parts parts, WorkerEvents& events)
    : reactor_(parts.reactor),
      events_(events),
      chunks_(parts.chunks),
      pipes_(parts.pipe_limit),
      relay_{reactor_, chunks_, pipes_, true, {}, {}, {}, {}, {}, {}, &secure_},
      secure_(relay_, std::move(parts.aead), {}),
      pins_(*this),
      log_(kLogRecords),
      sessions_(relay_, pins_, log_, parts.worker, this),
      udp_(reactor_, parts.datagrams, sessions_, *this) {}

void WorkerLoop::set_options(const Options& options) noexcept {
  relay_.is_splice_allowed = options.is_splice_allowed;
  secure_.ktls = options.ktls;
  sessions_.set_logging(options.is_logging);
  session_limit_ = options.session_limit;
  listen_backlog_ = options.listen_backlog;
}

// --- Tables ---

void WorkerLoop::take_table(proxy::RouteTable& table, std::vector<NewListener> added) {
  for (auto door = doors_.begin(); door != doors_.end();) {
    Door& current = *door++;  // closing may take it out of the list
    if (current.held == nullptr && table.find_listener(current.listener.name()) == nullptr) {
      close_door(current);
    }
  }
  pins_.swap(table);
  generation_.store(table.generation(), std::memory_order_release);
  for (NewListener& listener : added) {
    if (listener.transport == Transport::kUdp) {
      udp_.add(std::move(listener.name), std::move(listener.fd), *listener.flows);
    } else {
      doors_.emplace_back(*this, std::move(listener));
    }
  }
  udp_.take_table(table);
  for (Door& door : doors_) {
    if (door.held == nullptr) door.route = table.find_listener(door.listener.name());
  }
  review_waiting();  // limits may be others now
}

void WorkerLoop::on_table_returned(proxy::RouteTable& table) noexcept {
  events_.on_table_returned(table);
}

// --- Listeners ---

void WorkerLoop::close_door(Door& door) noexcept {
  if (door.held != nullptr) return;
  // What still waits in the queue is served by the table that the listener was part of.
  door.held = pins_.current();
  pins_.session_began(*door.held);
  door.listener.close();
}

void WorkerLoop::on_listener_closed(proxy::Listener& listener) noexcept {
  const auto place = place_of(listener);
  pins_.session_ended(*place->held);
  closed_doors_.splice(closed_doors_.end(), doors_, place);
}

void WorkerLoop::stop_accepting() noexcept {
  is_stopping_ = true;
  generation_.store(0, std::memory_order_release);
  for (auto door = doors_.begin(); door != doors_.end();) close_door(*door++);
  udp_.stop_accepting();
}

std::list<WorkerLoop::Door>::iterator WorkerLoop::place_of(
    const proxy::Listener& listener) noexcept {
  const auto place = std::find_if(doors_.begin(), doors_.end(),
                                  [&](const Door& each) { return &each.listener == &listener; });
  SLUICE_ASSERT(place != doors_.end());
  return place;
}

WorkerLoop::Door* WorkerLoop::find_door(const std::string& name) noexcept {
  const auto place = std::find_if(doors_.begin(), doors_.end(), [&](const Door& each) {
    return each.listener.name() == name && each.held == nullptr;
  });
  return place == doors_.end() ? nullptr : &*place;
}

// --- Connections ---

void WorkerLoop::on_connection(proxy::Listener& listener, sys::Fd client) noexcept {
  Door& door = *place_of(listener);
  // One that has to wait does so here, so that this worker accepts no further one.
  const bool may_go = door.held == nullptr && door.route->state->is_below_limit();
  WorkerLoop* sibling = may_go ? less_busy_loop() : nullptr;
  if (sibling == nullptr) return begin_session(door, std::move(client));
  numbers_.handed_over.add(1);
  sibling->arriving_.fetch_add(1, std::memory_order_relaxed);
  sibling->mailbox().post(std::make_unique<HandOver>(*sibling, listener.name(), std::move(client)));
}

void WorkerLoop::begin_session(Door& door, sys::Fd client) noexcept {
  SLUICE_ASSERT(door.route != nullptr);
  numbers_.sessions_begun.add(1);
  proxy::TablePin* pin = door.held != nullptr ? door.held : pins_.current();
  SLUICE_ASSERT(pin != nullptr);
  sessions_.begin(std::move(client), *pin, *door.route);
}

WorkerLoop* WorkerLoop::less_busy_loop() noexcept {
  const std::uint64_t ours = load();
  WorkerLoop* least = nullptr;
  std::uint64_t fewest = ours;
  for (WorkerLoop* sibling : siblings_) {
    // One that goes by another table may not know the address.
    if (sibling->generation() != generation()) continue;
    const std::uint64_t theirs = sibling->load();
    if (theirs < fewest) {
      fewest = theirs;
      least = sibling;
    }
  }
  return ours > fewest + std::max(kClearlyBusier, fewest / 10) ? least : nullptr;
}

std::uint64_t WorkerLoop::all_sessions() const noexcept {
  std::uint64_t sessions = load() + udp_numbers().flows.value();
  for (const WorkerLoop* sibling : siblings_) {
    sessions += sibling->load() + sibling->udp_numbers().flows.value();
  }
  return sessions;
}

bool WorkerLoop::has_room() const noexcept {
  return all_sessions() < session_limit_;
}

void WorkerLoop::ask_others(const std::string& backend, std::uint64_t share) noexcept {
  if (siblings_.empty()) return;
  const auto busiest = std::max_element(
      siblings_.begin(), siblings_.end(), [](const WorkerLoop* left, const WorkerLoop* right) {
        return left->udp_numbers().flows.value() < right->udp_numbers().flows.value();
      });
  const auto index = static_cast<std::size_t>(busiest - siblings_.begin());
  (*busiest)->mailbox().post(std::make_unique<RoomWish>(siblings_, index, backend, share));
}

proxy::AcceptMode WorkerLoop::accept_mode() const noexcept {
  const std::uint64_t sessions = all_sessions();
  if (sessions >= session_limit_) return proxy::AcceptMode::kNone;
  // Every worker may take its whole queue in one turn before anybody counts again.
  const std::uint64_t one_turn = listen_backlog_ * (siblings_.size() + 1);
  return session_limit_ - sessions > 2 * one_turn ? proxy::AcceptMode::kMany
                                                  : proxy::AcceptMode::kOne;
}

/// For the frontend's own limit.
proxy::AcceptMode WorkerLoop::accept_mode(const Door& door) const noexcept {
  proxy::FrontendState& state = *door.route->state;
  if (state.limit() == 0) return proxy::AcceptMode::kMany;
  if (sessions_.room().is_waiting(state.line())) return proxy::AcceptMode::kNone;
  return state.room() > kNearLimit ? proxy::AcceptMode::kMany : proxy::AcceptMode::kOne;
}

void WorkerLoop::call(std::uint32_t worker, const balance::WaitLine& line,
                      std::uint64_t after) noexcept {
  const auto receiver =
      std::find_if(siblings_.begin(), siblings_.end(), [worker](const WorkerLoop* sibling) {
        return sibling->session_numbers().context().worker == worker;
      });
  if (receiver == siblings_.end()) return;  // the process is about to end
  (*receiver)->mailbox().post(std::make_unique<LineCall>(**receiver, &line, after));
}

void WorkerLoop::keep_to_limit() noexcept {
  const proxy::AcceptMode mode = accept_mode();
  // The modes stand in the order of their strictness.
  for (Door& door : doors_) door.listener.review(std::max(mode, accept_mode(door)));
  // Sessions of other workers end without waking this one.
  if (mode == proxy::AcceptMode::kNone) {
    reactor_.timers().arm(recheck_, reactor_.now() + kRecheck);
  }
}

// --- Sessions and flows ---

std::uint64_t WorkerLoop::close_sessions(const proxy::SessionFilter& filter, CloseReason reason,
                                         std::uint64_t parts) noexcept {
  return sessions_.close_part(filter, reason, parts) +
         udp_.flows().close_part(filter, reason, parts);
}

std::vector<SessionRow> WorkerLoop::describe_sessions(const proxy::SessionFilter& filter,
                                                      std::size_t limit) {
  std::vector<SessionRow> rows = sessions_.describe(filter, limit);
  std::vector<SessionRow> flows = udp_.flows().describe(filter, limit);
  std::move(flows.begin(), flows.end(), std::back_inserter(rows));
  return rows;
}

std::uint64_t WorkerLoop::count_sessions(const proxy::SessionFilter& filter) noexcept {
  return sessions_.count(filter) + udp_.flows().count(filter);
}

// --- Turns ---

void WorkerLoop::on_turn_end() noexcept {
  relay_.end_turn();
  secure_.end_turn();
  udp_.end_turn();
  sessions_.room().end_turn();  // the last: sessions that end in the others leave room behind
  closed_doors_.clear();
  keep_to_limit();
  numbers_.buffers_in_use.set(chunks_.held());
  reactor_.set_sessions(sessions_.count() + udp_.flows().size());
  if (log_.has_records() && !is_log_told_.exchange(true)) {
    events_.on_log_ready();
  }
  if (is_stopping_ && !is_drain_told_ && doors_.empty() && sessions_.count() == 0 &&
      udp_.is_idle()) {
    is_drain_told_ = true;
    events_.on_drained();
  }
}

}  // namespace sluice::daemon
