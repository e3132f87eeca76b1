// Who waits on one worker, in which line, in which order.
//
// The lines are shared by all workers (balance/wait_line.h); here are those of them in which
// somebody of this worker waits, with the waiters themselves. When there may be room, the one with
// the oldest ticket is asked to try (`call()`): here at the end of the turn, on another worker by a
// letter. It takes what it gets by its own means and leaves the line; where there is more room, it
// is for it to call the next one then. So a wake-up is only a hint, and a hint too many does no
// harm.
//
// A letter names a line that may be gone when it arrives, with the table that it belonged to: its
// address is compared with those of the lines in which somebody waits here, which are alive, and
// not used otherwise. Whoever leaves calls the next, so that nothing is lost by that.
//
// Sessions that wait with an older table may be in for servers that the new one does not have. One
// of them that finds no room does not stop those behind it (`Answer::kOutdated`).
//
// Thread: its worker's. Limits: whoever enters counts himself first (BackendState::waiting()).
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <vector>

#include "balance/wait_line.h"
#include "base/intrusive_list.h"

namespace sluice::proxy {

class WaitingRoom;

/// Somebody in a line.
class Waiter : public base::ListHook<> {
 public:
  enum class Answer : std::uint8_t {
    kGone,      ///< it has left the line; it may not exist any more
    kNoRoom,    ///< not for anybody behind it either
    kOutdated,  ///< not for it, but perhaps for somebody behind it, who has a newer table
  };

  /// There may be room. `ticket` is the place in the line to try with: its own, or that of one
  /// before it who has just been passed over.
  virtual Answer on_turn(std::uint64_t ticket) noexcept = 0;

  [[nodiscard]] std::uint64_t ticket() const noexcept { return ticket_; }
  [[nodiscard]] balance::WaitLine* line() const noexcept { return line_; }

 protected:
  virtual ~Waiter() = default;

 private:
  friend class WaitingRoom;
  balance::WaitLine* line_ = nullptr;  ///< null: it does not wait
  std::uint64_t ticket_ = 0;
};

/// The other workers.
class LineMessenger {
 public:
  /// Has `on_call()` called in the waiting room of that worker.
  virtual void call(std::uint32_t worker, const balance::WaitLine& line,
                    std::uint64_t after) noexcept = 0;

 protected:
  ~LineMessenger() = default;
};

class WaitingRoom {
 public:
  /// `messenger` is null where there is one worker only, else it outlives the room.
  WaitingRoom(std::uint32_t worker, LineMessenger* messenger)
      : worker_(worker), messenger_(messenger) {}

  /// The waiter gets its place by the ticket. Afterwards it looks whether there is room and, if so,
  /// calls.
  void enter(Waiter& waiter, balance::WaitLine& line, std::uint64_t ticket);
  /// Afterwards it looks whether there is room for others, and calls.
  void leave(Waiter& waiter) noexcept;

  /// There may be room: whoever has waited longest, later than the ticket `after`, is to try.
  void call(balance::WaitLine& line, std::uint64_t after = 0) noexcept;
  /// The same from another worker. The line may not exist any more.
  void on_call(const balance::WaitLine* line, std::uint64_t after);

  /// Everybody who waits here is to look again: what they wait for has changed.
  void review();

  /// Asks those who were called.
  void end_turn() noexcept;

  /// Whether somebody waits here, in this line.
  [[nodiscard]] bool is_waiting(const balance::WaitLine& line) const noexcept;

 private:
  struct Group {
    explicit Group(balance::WaitLine& of) : line(of) {}
    balance::WaitLine& line;
    base::IntrusiveList<Waiter> waiters;  ///< never empty; by ticket
    std::uint64_t latest = 0;             ///< no ticket here is later
  };
  struct Call {
    const balance::WaitLine* line;
    std::uint64_t after;
  };

  [[nodiscard]] std::list<Group>::iterator find(const balance::WaitLine* line) noexcept;
  static void insert(Group& group, Waiter& waiter) noexcept;
  void serve(Call due) noexcept;
  enum class Served : std::uint8_t { kOne, kNobody, kPassedOver };
  [[nodiscard]] Served ask(Group& group, std::uint64_t after) noexcept;

  std::uint32_t worker_;
  LineMessenger* messenger_;
  std::list<Group> groups_;
  std::vector<Call> due_;
};

}  // namespace sluice::proxy
