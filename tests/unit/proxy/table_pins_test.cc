#include "proxy/table_pins.h"

#include <gtest/gtest.h>

#include <vector>

namespace sluice::proxy {
namespace {

class TablePinsTest : public testing::Test, private TableReturn {
 protected:
  using Generations = std::vector<std::uint64_t>;

  TablePins pins{*this};
  RouteTable one{1};
  RouteTable two{2};
  RouteTable three{3};
  Generations returned;

 private:
  void on_table_returned(RouteTable& table) noexcept override {
    returned.push_back(table.generation());
  }
};

TEST_F(TablePinsTest, HasNoTableAtFirst) {
  EXPECT_EQ(pins.current(), nullptr);
}

TEST_F(TablePinsTest, GivesATableWithoutSessionsBackAtTheSwap) {
  pins.swap(one);
  EXPECT_TRUE(returned.empty());
  EXPECT_EQ(pins.current()->table, &one);
  pins.swap(two);
  EXPECT_EQ(returned, Generations{1});
  EXPECT_EQ(pins.current()->table, &two);
}

TEST_F(TablePinsTest, KeepsATableUntilItsLastSessionHasEnded) {
  pins.swap(one);
  TablePin& old = *pins.current();
  pins.session_began(old);
  pins.session_began(old);
  EXPECT_EQ(one.sessions(), 2U);
  pins.swap(two);
  pins.session_ended(old);
  EXPECT_TRUE(returned.empty());
  EXPECT_EQ(one.sessions(), 1U);
  pins.session_ended(old);
  EXPECT_EQ(returned, Generations{1});
  EXPECT_EQ(one.sessions(), 0U);
}

TEST_F(TablePinsTest, KeepsTheCurrentTableWhateverEnds) {
  pins.swap(one);
  pins.session_began(*pins.current());
  pins.session_ended(*pins.current());
  EXPECT_TRUE(returned.empty());
  EXPECT_EQ(pins.current()->table, &one);
}

TEST_F(TablePinsTest, GivesTablesBackInTheOrderInWhichTheirSessionsEnd) {
  pins.swap(one);
  TablePin& first = *pins.current();
  pins.session_began(first);
  pins.swap(two);
  TablePin& second = *pins.current();
  pins.session_began(second);
  pins.swap(three);
  EXPECT_TRUE(returned.empty());
  pins.session_ended(second);
  EXPECT_EQ(returned, Generations{2});
  pins.session_ended(first);
  EXPECT_EQ(returned, (Generations{2, 1}));
  EXPECT_EQ(pins.current()->table, &three);
}

using TablePinsDeathTest = TablePinsTest;

TEST_F(TablePinsDeathTest, ASessionEndsOnlyOnce) {
  pins.swap(one);
  EXPECT_DEATH(pins.session_ended(*pins.current()), "pin.sessions > 0");
}

}  // namespace
}  // namespace sluice::proxy
