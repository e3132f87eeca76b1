#include "base/intrusive_list.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace sluice::base {
namespace {

struct ByAge;

struct Item : ListHook<>, ListHook<ByAge> {
  explicit Item(char name_in) : name(name_in) {}
  char name;
};

using Items = IntrusiveList<Item>;

class IntrusiveListTest : public testing::Test {
 protected:
  static std::string names(Items& items) {
    std::string all;
    items.for_each([&](Item& item) { all += item.name; });
    return all;
  }

  Item a{'a'};
  Item b{'b'};
  Item c{'c'};
  Item d{'d'};
  Items items;
};

TEST_F(IntrusiveListTest, KeepsTheOrderOfPushing) {
  EXPECT_TRUE(items.is_empty());
  items.push_back(a);
  items.push_back(b);
  items.push_back(c);
  EXPECT_FALSE(items.is_empty());
  EXPECT_EQ(names(items), "abc");
  EXPECT_EQ(&items.front(), &a);
}

TEST_F(IntrusiveListTest, PopsFromTheFront) {
  items.push_back(a);
  items.push_back(b);
  EXPECT_EQ(&items.pop_front(), &a);
  EXPECT_FALSE(static_cast<ListHook<>&>(a).is_linked());
  EXPECT_EQ(&items.pop_front(), &b);
  EXPECT_TRUE(items.is_empty());
}

TEST_F(IntrusiveListTest, AnElementLeavesByItself) {
  for (Item* item : {&a, &b, &c}) items.push_back(*item);
  static_cast<ListHook<>&>(b).unlink();
  EXPECT_EQ(names(items), "ac");
  static_cast<ListHook<>&>(b).unlink();
  EXPECT_EQ(names(items), "ac");
  static_cast<ListHook<>&>(c).unlink();
  static_cast<ListHook<>&>(a).unlink();
  EXPECT_TRUE(items.is_empty());
  items.push_back(b);
  EXPECT_EQ(names(items), "b");
}

TEST_F(IntrusiveListTest, AnElementThatDiesLeaves) {
  items.push_back(a);
  {
    Item passing('x');
    items.push_back(passing);
    EXPECT_EQ(names(items), "ax");
  }
  EXPECT_EQ(names(items), "a");
}

TEST_F(IntrusiveListTest, AListThatDiesLetsItsElementsGo) {
  {
    Items passing;
    passing.push_back(a);
    passing.push_back(b);
  }
  EXPECT_FALSE(static_cast<ListHook<>&>(a).is_linked());
  EXPECT_FALSE(static_cast<ListHook<>&>(b).is_linked());
}

TEST_F(IntrusiveListTest, WalksFromElementToElement) {
  for (Item* item : {&a, &b}) items.push_back(*item);
  EXPECT_EQ(items.next(a), &b);
  EXPECT_EQ(items.next(b), nullptr);
}

TEST_F(IntrusiveListTest, MovesAWholeListBehindAnother) {
  Items others;
  for (Item* item : {&a, &b}) items.push_back(*item);
  for (Item* item : {&c, &d}) others.push_back(*item);
  items.splice_back(others);
  EXPECT_EQ(names(items), "abcd");
  EXPECT_TRUE(others.is_empty());
  items.splice_back(others);
  EXPECT_EQ(names(items), "abcd");
  others.splice_back(items);
  EXPECT_EQ(names(others), "abcd");
  EXPECT_TRUE(items.is_empty());
  static_cast<ListHook<>&>(d).unlink();
  EXPECT_EQ(names(others), "abc");
}

TEST_F(IntrusiveListTest, TheVisitedElementMayLeave) {
  for (Item* item : {&a, &b, &c}) items.push_back(*item);
  items.for_each([](Item& item) {
    if (item.name != 'b') static_cast<ListHook<>&>(item).unlink();
  });
  EXPECT_EQ(names(items), "b");
}

TEST_F(IntrusiveListTest, TheVisitedElementMayDie) {
  std::vector<std::unique_ptr<Item>> owned;
  for (const char name : {'x', 'y', 'z'}) {
    owned.push_back(std::make_unique<Item>(name));
    items.push_back(*owned.back());
  }
  items.for_each([&](Item& item) {
    for (auto& each : owned) {
      if (each.get() == &item) return each.reset();
    }
  });
  EXPECT_TRUE(items.is_empty());
}

TEST_F(IntrusiveListTest, AnElementIsInOneListPerHook) {
  IntrusiveList<Item, ByAge> by_age;
  items.push_back(a);
  items.push_back(b);
  by_age.push_back(b);
  by_age.push_back(a);
  static_cast<ListHook<>&>(a).unlink();
  EXPECT_EQ(names(items), "b");
  EXPECT_EQ(&by_age.front(), &b);
  EXPECT_EQ(by_age.next(b), &a);
}

using IntrusiveListDeathTest = IntrusiveListTest;

TEST_F(IntrusiveListDeathTest, RefusesAnElementThatIsInAList) {
  items.push_back(a);
  EXPECT_DEATH(items.push_back(a), "is_linked");
}

TEST_F(IntrusiveListDeathTest, AnEmptyListHasNoFront) {
  EXPECT_DEATH(items.pop_front(), "is_empty");
}

}  // namespace
}  // namespace sluice::base
