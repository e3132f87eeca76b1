// The sessions of one worker: makes them, keeps them in order of age, finds them for `lbstat
// sessions` and `kill`.
//
// Thread: its worker's; `count()` any.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/intrusive_list.h"
#include "base/slab.h"
#include "proxy/session.h"

namespace sluice::proxy {

/// Which sessions are meant; an empty field means all.
struct SessionFilter {
  std::optional<std::uint64_t> id;
  std::string backend;
  std::string server;

  [[nodiscard]] bool matches(const Session& session) const noexcept;
  /// `of` is null where the session has no server yet.
  [[nodiscard]] bool matches(std::uint64_t session, const balance::BackendState& in,
                             const balance::ServerState* of) const noexcept;
};

class SessionSet final : public SessionOwner {
 public:
  /// `worker` becomes the low 16 bits of the sessions' ids, so that ids are unique in the process.
  /// `messenger` is null where there is one worker only, else it outlives the set.
  SessionSet(RelayContext& relay, TablePins& pins, SessionLog& log, std::uint32_t worker,
             LineMessenger* messenger);

  /// Begins a session. It may have ended when this returns.
  void begin(sys::Fd client, TablePin& pin, FrontendRoute& frontend);

  /// Counts a connection that was closed before it became a session.
  void refuse(CloseReason reason) noexcept { context_.reasons.count(reason, Side::kUs); }

  /// Ends the sessions that match; gives how many.
  std::uint64_t close(const SessionFilter& filter, CloseReason reason) noexcept;

  /// Ends the oldest of the sessions that match, one of `parts` at least: with 1, all of them. For
  /// closing many a few at a time. Gives how many.
  std::uint64_t close_part(const SessionFilter& filter, CloseReason reason,
                           std::uint64_t parts) noexcept;

  /// Rows of the sessions that match, oldest first, `limit` at most.
  [[nodiscard]] std::vector<SessionRow> describe(const SessionFilter& filter, std::size_t limit);

  /// How many match.
  [[nodiscard]] std::uint64_t count(const SessionFilter& filter) noexcept;

  void set_logging(bool is_logging) noexcept { context_.is_logging = is_logging; }
  [[nodiscard]] std::uint64_t count() const noexcept {
    return count_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] const SessionContext& context() const noexcept { return context_; }
  /// What UDP flows share with sessions: they are counted and logged alike.
  [[nodiscard]] SessionContext& context() noexcept { return context_; }
  /// A number that no session of this process has had.
  [[nodiscard]] std::uint64_t next_id() noexcept;

  /// Who waits, in all lines.
  [[nodiscard]] WaitingRoom& room() noexcept { return room_; }
  [[nodiscard]] const WaitingRoom& room() const noexcept { return room_; }

  void on_session_ended(Session& session) noexcept override;

 private:
  WaitingRoom room_;
  SessionContext context_;
  base::Slab<Session> slab_;
  base::IntrusiveList<Session> sessions_;
  std::uint64_t serial_ = 0;
  std::atomic<std::uint64_t> count_{0};
};

}  // namespace sluice::proxy
