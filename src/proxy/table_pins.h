// Which tables a worker's sessions still stand on: the reader's side of the RCU-like swap.
//
// Counting is worker-local. A worker that has taken a newer table gives an older one back as soon
// as its own last session on it has ended, at once if there was none; when every worker has given
// it back, the control thread may free it. The swap itself happens between two turns of the
// worker's loop, which is the quiescent state: nothing on the stack refers to the old table then.
// Thread: its worker's.
#pragma once

#include <cstdint>
#include <list>

#include "proxy/route_table.h"

namespace sluice::proxy {

/// A table and this worker's sessions on it.
struct TablePin {
  RouteTable* table = nullptr;
  std::uint64_t sessions = 0;
};

/// Told when this worker has given a table back.
class TableReturn {
 public:
  virtual void on_table_returned(RouteTable& table) noexcept = 0;

 protected:
  ~TableReturn() = default;
};

class TablePins {
 public:
  explicit TablePins(TableReturn& receiver) : receiver_(receiver) {}

  /// Sessions that begin from now on stand on `table`.
  void swap(RouteTable& table);

  /// Null before the first swap.
  [[nodiscard]] TablePin* current() noexcept { return pins_.empty() ? nullptr : &pins_.back(); }

  void session_began(TablePin& pin) noexcept;
  void session_ended(TablePin& pin) noexcept;

 private:
  void give_back(TablePin& pin) noexcept;

  TableReturn& receiver_;
  std::list<TablePin> pins_;  ///< oldest first; addresses stay
};

}  // namespace sluice::proxy
