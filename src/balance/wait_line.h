// The order of those who wait for room: for a server, for any server of a backend, or in front of a
// frontend. Shared by all workers; any thread.
//
// Here are numbers only: how many wait, and for each worker the ticket of the one who has waited
// longest there. Who that is is the worker's own business (proxy/waiting_room.h). The lowest ticket
// comes first, on whichever worker; newcomers come after everybody (kNewcomer).
//
// Nobody is forgotten: whoever makes room does so first and looks at the line then, whoever enters
// the line does so first and looks for room then, and whoever leaves it does so first and looks for
// room then. All of that is sequentially consistent, so of two who do so at the same instant at
// least one sees the other.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace sluice::balance {

class WaitLine {
 public:
  static constexpr std::uint64_t kNobody = 0;
  static constexpr std::uint64_t kNewcomer = UINT64_MAX;

  explicit WaitLine(std::size_t workers) : oldest_(workers) {}
  WaitLine(const WaitLine&) = delete;
  WaitLine& operator=(const WaitLine&) = delete;

  /// One more waits; its worker tells the oldest ticket afterwards.
  void enter() noexcept { size_.fetch_add(1, std::memory_order_seq_cst); }
  /// After the worker has told its oldest ticket anew.
  void leave() noexcept { size_.fetch_sub(1, std::memory_order_seq_cst); }
  [[nodiscard]] std::uint64_t size() const noexcept {
    return size_.load(std::memory_order_seq_cst);
  }

  /// A ticket later than all that were drawn before; neither kNobody nor kNewcomer.
  [[nodiscard]] std::uint64_t draw() noexcept {
    return tickets_.fetch_add(1, std::memory_order_relaxed) + 1;
  }

  /// The oldest ticket that waits at this worker, kNobody where nobody does. That worker only.
  void set_oldest(std::uint32_t worker, std::uint64_t ticket) noexcept {
    oldest_[worker].store(ticket, std::memory_order_seq_cst);
  }

  struct Head {
    std::uint32_t worker;
    std::uint64_t ticket;
  };
  /// The worker with the oldest ticket later than `after`.
  [[nodiscard]] std::optional<Head> oldest(std::uint64_t after = 0) const noexcept;

  /// Whether somebody waits who comes before this ticket.
  [[nodiscard]] bool is_ahead_of(std::uint64_t ticket) const noexcept {
    if (size() == 0) return false;
    const auto head = oldest();
    return head && head->ticket < ticket;
  }

 private:
  std::atomic<std::uint64_t> size_{0};
  std::atomic<std::uint64_t> tickets_{0};
  std::vector<std::atomic<std::uint64_t>> oldest_;  ///< by worker
};

}  // namespace sluice::balance
