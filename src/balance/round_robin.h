// Smooth weighted round robin: `round_robin`.
//
// The sequence is exactly nginx's (weights 5, 1, 1 give a a b a c a a; ties go to the server that
// stands first in the file), at a cost that does not grow with the number of servers. Servers of
// the same weight gain credit in step, so among them it is always the next one's turn: they form a
// class, a ring with a cursor, and only the classes compete, each with the credit of the member
// whose turn it is. With all weights equal there is one class and a pick is a step of its cursor.
//
// Each worker has its own rotation; over all of them, servers of equal weight differ by at most one
// pick per worker. When the pool changes, the rotation is arranged anew from the places kept by
// name (rotation.h). A closed server (tried,
// full) lets the next of its class step forward and keeps its turn; a class of which all are closed
// gains nothing meanwhile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "balance/policy.h"

namespace sluice::balance {

class RoundRobin final : public Policy {
 public:
  explicit RoundRobin(PolicySize size);

  [[nodiscard]] std::optional<std::uint32_t> pick(const Pool& pool,
                                                  const PickContext& context) noexcept override;

 private:
  struct Member {
    std::int64_t credit = 0;  ///< without what its class has gained since the arrangement
    std::uint32_t index = 0;
    std::uint16_t weight = 0;
  };

  /// The members of one weight, a part of the rotation's.
  struct WeightClass {
    std::span<Member> ring;
    std::int64_t gained = 0;  ///< by each member since the arrangement
    std::size_t cursor = 0;   ///< place in the ring of the one whose turn it is

    /// The one whose turn it is, or who comes so many steps later.
    [[nodiscard]] Member& turn(std::size_t steps) const noexcept {
      return ring[(cursor + steps) % ring.size()];
    }
    [[nodiscard]] std::int64_t weight() const noexcept { return ring.front().weight; }
    [[nodiscard]] std::int64_t credit() const noexcept { return turn(0).credit + gained; }
  };

  struct alignas(64) Rotation {
    std::uint64_t revision = 0;  ///< of the pool it was arranged for; 0 = none
    std::vector<Member> members;
    std::vector<WeightClass> classes;
  };

  static void arrange(Rotation& rotation, const Pool& pool, std::uint32_t worker) noexcept;
  /// Brings the first open member to the cursor; false where all of them are closed.
  static bool find_open(const WeightClass& of, const Pool& pool,
                        const PickContext& context) noexcept;
  static bool goes_before(const WeightClass& left, const WeightClass& right) noexcept;

  std::vector<Rotation> rotations_;  ///< one for each worker
};

}  // namespace sluice::balance
