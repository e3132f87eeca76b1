#include "proxy/session_set.h"

#include <utility>

namespace sluice::proxy {

bool SessionFilter::matches(std::uint64_t session, const balance::BackendState& in,
                            const balance::ServerState* of) const noexcept {
  if (id && session != *id) return false;
  if (!backend.empty() && in.name() != backend) return false;
  return server.empty() || (of != nullptr && of->name() == server);
}

bool SessionFilter::matches(const Session& session) const noexcept {
  return matches(session.id(), session.backend(), session.server());
}

SessionSet::SessionSet(RelayContext& relay, TablePins& pins, SessionLog& log, std::uint32_t worker,
                       LineMessenger* messenger)
    : room_(worker, messenger),
      context_{relay, pins, *this, room_, worker, true, log, {}, {}, {}} {}

std::uint64_t SessionSet::next_id() noexcept {
  return (++serial_ << 16) | (context_.worker & 0xffff);
}

void SessionSet::begin(sys::Fd client, TablePin& pin, FrontendRoute& frontend) {
  const std::uint64_t id = next_id();
  Session& session = slab_.make(context_, id, std::move(client), pin, frontend);
  sessions_.push_back(session);
  count_.store(slab_.size(), std::memory_order_relaxed);
  session.start();
}

std::uint64_t SessionSet::close(const SessionFilter& filter, CloseReason reason) noexcept {
  std::uint64_t closed = 0;
  sessions_.for_each([&](Session& session) {
    if (!filter.matches(session)) return;
    ++closed;
    session.close(reason);
  });
  return closed;
}

std::uint64_t SessionSet::close_part(const SessionFilter& filter, CloseReason reason,
                                     std::uint64_t parts) noexcept {
  const std::uint64_t wanted = (count(filter) + parts - 1) / parts;
  std::uint64_t closed = 0;
  sessions_.for_each([&](Session& session) {
    if (closed == wanted || !filter.matches(session)) return;
    ++closed;
    session.close(reason);
  });
  return closed;
}

std::uint64_t SessionSet::count(const SessionFilter& filter) noexcept {
  std::uint64_t matching = 0;
  sessions_.for_each([&](Session& session) { matching += filter.matches(session) ? 1U : 0U; });
  return matching;
}

std::vector<SessionRow> SessionSet::describe(const SessionFilter& filter, std::size_t limit) {
  std::vector<SessionRow> rows;
  sessions_.for_each([&](Session& session) {
    if (rows.size() < limit && filter.matches(session)) rows.push_back(session.describe());
  });
  return rows;
}

void SessionSet::on_session_ended(Session& session) noexcept {
  slab_.destroy(session);
  count_.store(slab_.size(), std::memory_order_relaxed);
}

}  // namespace sluice::proxy
