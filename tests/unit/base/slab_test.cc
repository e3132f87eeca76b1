#include "base/slab.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <vector>

namespace sluice::base {
namespace {

/// Knows how many of its kind are alive.
struct alignas(64) Thing {
  explicit Thing(int value_in) : value(value_in) { ++alive; }
  Thing(const Thing&) = delete;
  Thing& operator=(const Thing&) = delete;
  ~Thing() { --alive; }

  int value;
  static inline int alive = 0;
};

TEST(Slab, ConstructsAndDestroys) {
  Slab<Thing> slab;
  EXPECT_EQ(slab.size(), 0U);
  Thing& thing = slab.make(7);
  EXPECT_EQ(thing.value, 7);
  EXPECT_EQ(slab.size(), 1U);
  EXPECT_EQ(Thing::alive, 1);
  slab.destroy(thing);
  EXPECT_EQ(slab.size(), 0U);
  EXPECT_EQ(Thing::alive, 0);
}

TEST(Slab, HandsOutTheWarmestSlotFirst) {
  Slab<Thing> slab;
  Thing& first = slab.make(1);
  Thing& second = slab.make(2);
  Thing* const freed_first = &first;
  Thing* const freed_last = &second;
  slab.destroy(first);
  slab.destroy(second);
  Thing& again = slab.make(3);
  Thing& then = slab.make(4);
  EXPECT_EQ(&again, freed_last);
  EXPECT_EQ(&then, freed_first);
  slab.destroy(again);
  slab.destroy(then);
}

TEST(Slab, ObjectsStayWhereTheyAreAndKeepTheirAlignment) {
  Slab<Thing, 4> slab;
  std::vector<Thing*> things;
  std::set<Thing*> places;
  for (int value = 0; value < 1000; ++value) {
    things.push_back(&slab.make(value));
    places.insert(things.back());
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(things.back()) % alignof(Thing), 0U);
  }
  EXPECT_EQ(places.size(), 1000U);
  for (int value = 0; value < 1000; ++value) {
    EXPECT_EQ(things[static_cast<std::size_t>(value)]->value, value);
  }
  for (Thing* thing : things) slab.destroy(*thing);
  EXPECT_EQ(Thing::alive, 0);
}

TEST(Slab, ARandomWalkKeepsEveryObjectWhole) {
  Slab<Thing, 8> slab;
  std::mt19937 random(1);
  std::map<Thing*, int> alive;
  for (int step = 0; step < 20'000; ++step) {
    if (alive.empty() || random() % 2 == 0) {
      Thing& made = slab.make(step);
      EXPECT_TRUE(alive.emplace(&made, step).second) << "a slot handed out twice";
    } else {
      auto chosen = alive.begin();
      std::advance(chosen, random() % alive.size());
      ASSERT_EQ(chosen->first->value, chosen->second);
      slab.destroy(*chosen->first);
      alive.erase(chosen);
    }
    ASSERT_EQ(slab.size(), alive.size());
  }
  for (const auto& [thing, value] : alive) slab.destroy(*thing);
}

TEST(SlabDeathTest, MustBeEmptyWhenItGoes) {
  EXPECT_DEATH(
      {
        Slab<Thing> slab;
        static_cast<void>(slab.make(1));
      },
      "size_ == 0");
}

}  // namespace
}  // namespace sluice::base
