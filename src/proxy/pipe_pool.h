// The pipes that a worker splices through.
//
// A direction borrows a pipe only while bytes are in it: as a rule within one turn, longer when its
// sink blocks. So a handful serve thousands of sessions. Only an empty pipe may come back; one with
// a rest in it is closed. When the limit, descriptors or pipe pages run out `borrow()` gives a
// closed pipe, the shortage is counted, and the caller copies instead. Thread: its worker's.
#pragma once

#include <cstddef>
#include <vector>

#include "stats/counters.h"
#include "sys/pipe.h"

namespace sluice::proxy {

class PipePool {
 public:
  /// Bytes a pipe is widened to. What a socket holds ready under load fits into it, so one pair of
  /// splices moves all of it.
  static constexpr std::size_t kPipeBytes = std::size_t{1024} * 1024;

  /// `limit`: pipes open at once, lent ones included.
  explicit PipePool(std::size_t limit);

  [[nodiscard]] sys::Pipe borrow() noexcept;

  /// Takes back an empty pipe.
  void give_back(sys::Pipe pipe) noexcept;

  /// Closes a lent pipe that still holds bytes.
  void discard(sys::Pipe pipe) noexcept;

  [[nodiscard]] const stats::Counter& open_pipes() const noexcept { return open_pipes_; }
  [[nodiscard]] const stats::Counter& shortages() const noexcept { return shortages_; }

 private:
  std::size_t limit_;
  std::vector<sys::Pipe> idle_;
  stats::Counter open_pipes_;
  stats::Counter shortages_;
};

}  // namespace sluice::proxy
