#include "balance/first.h"

#include <gtest/gtest.h>

#include "test_backend.h"

namespace sluice::balance {
namespace {

TEST(First, FillsOneServerAfterTheOther) {
  TestBackend backend("first", {{.name = "a", .max_sessions = 2},
                                {.name = "b", .weight = 200, .max_sessions = 1},
                                {.name = "c"}});
  std::string order;
  for (int i = 0; i < 5; ++i) {
    order += backend.pick();
    backend.server(order.substr(order.size() - 1)).session_began(0);
  }
  EXPECT_EQ(order, "aabcc");
  backend.server("b").session_ended();
  EXPECT_EQ(backend.pick(), "b");
}

TEST(First, GoesOnToTheNextThatIsUpAndUntried) {
  TestBackend backend("first", servers_of_weights({0, 1, 1, 1}));
  EXPECT_EQ(backend.pick(), "b");
  EXPECT_EQ(backend.pick({"b"}), "c");
  backend.set_down("b");
  EXPECT_EQ(backend.pick(), "c");
  EXPECT_EQ(backend.pick({"c", "d"}), "c");
  backend.set_up("b");
  EXPECT_EQ(backend.pick(), "b");
}

}  // namespace
}  // namespace sluice::balance
