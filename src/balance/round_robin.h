// Smooth weighted round robin: `round_robin`.
//
// The sequence is exactly nginx's (weights 5, 1, 1 give a a b a c a a; ties go to the server that
// stands first in the file), at a cost that does not grow with the number of servers. Servers of
// the same weight gain credit in step, so among them it is always the next one's turn: they form a
// class, a ring with a cursor, and only the classes compete. With all weights equal there is one
// class and a pick is a step of its cursor.
//
// Credits of a class: the members still to be picked in the current lap have `credit`, those
// behind the cursor one total less. So when a lap ends, the credit of the class falls by one total.
//
// Each worker has its own rotation; over all of them, servers of equal weight differ by at most one
// pick per worker. Rotations are arranged anew, from the places kept by name (rotation.h), when the
// pool changes. A closed server (tried, full) lets the next of its class step forward and keeps its
// turn; a class of which all are closed gains nothing meanwhile.
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
    std::int64_t credit = 0;  ///< when the rotation was arranged
    std::uint32_t index = 0;
    std::uint16_t weight = 0;
  };

  /// The members of one weight, a part of the rotation's.
  struct WeightClass {
    std::span<Member> ring;
    std::int64_t credit = 0;
    std::uint32_t cursor = 0;    ///< place in the ring of the one whose turn it is
    std::uint32_t lap_left = 0;  ///< picks until the credit falls

    /// The one whose turn it is, or who comes so many steps later.
    [[nodiscard]] Member& turn(std::size_t steps) const noexcept {
      return ring[(cursor + steps) % ring.size()];
    }
    [[nodiscard]] std::int64_t weight() const noexcept { return ring.front().weight; }
  };

  struct alignas(64) Rotation {
    std::uint64_t revision = 0;  ///< of the pool it was arranged for; 0 = none
    std::vector<Member> members;
    std::vector<WeightClass> classes;
  };

  static void arrange(Rotation& rotation, const Pool& pool, std::uint32_t worker) noexcept;
  /// Lists the members with the credits that their places give them.
  static void collect(std::vector<Member>& members, const Pool& pool,
                      std::uint32_t worker) noexcept;
  /// Brings the first open member to the cursor; false where all of them are closed.
  static bool find_open(const WeightClass& of, const Pool& pool,
                        const PickContext& context) noexcept;
  static bool goes_before(const WeightClass& left, const WeightClass& right) noexcept;

  std::vector<Rotation> rotations_;  ///< one for each worker
};

}  // namespace sluice::balance
