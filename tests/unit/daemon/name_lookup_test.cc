#include "daemon/name_lookup.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "names.h"
#include "run_until.h"

namespace sluice::daemon {
namespace {

using namespace std::chrono_literals;

TEST(NameLookup, GivesAddressesWithoutAPort) {
  boost::asio::io_context io;
  NameLookup lookup(io);
  std::vector<NameAnswer> answers;
  lookup.look_up("127.9", [&](const NameAnswer& answer) { answers.push_back(answer); });
  EXPECT_TRUE(answers.empty()) << "never at once";
  ASSERT_TRUE(run_until(io, [&] { return !answers.empty(); }));
  EXPECT_EQ(answers[0].error, "");
  ASSERT_FALSE(answers[0].addresses.empty());
  EXPECT_EQ(answers[0].addresses[0].to_string(), "127.0.0.9:0");
}

TEST(NameLookup, SaysWhyThereIsNone) {
  boost::asio::io_context io;
  NameLookup lookup(io);
  std::vector<NameAnswer> answers;
  lookup.look_up(kImpossibleName, [&](const NameAnswer& answer) { answers.push_back(answer); });
  ASSERT_TRUE(run_until(io, [&] { return !answers.empty(); }));
  EXPECT_TRUE(answers[0].addresses.empty());
  EXPECT_NE(answers[0].error, "");
}

TEST(NameLookup, AnswersManyMoreThanItHasThreads) {
  boost::asio::io_context io;
  NameLookup lookup(io);
  std::size_t answered = 0;
  for (std::size_t i = 0; i < 10 * NameLookup::kThreads; ++i) {
    lookup.look_up("127." + std::to_string(i + 1), [&, i](const NameAnswer& answer) {
      ASSERT_FALSE(answer.addresses.empty());
      EXPECT_EQ(answer.addresses[0].to_string(), "127.0.0." + std::to_string(i + 1) + ":0");
      ++answered;
    });
  }
  EXPECT_TRUE(run_until(io, [&] { return answered == 10 * NameLookup::kThreads; }));
}

TEST(NameLookup, NobodyIsToldOnceItIsGone) {
  boost::asio::io_context io;
  bool is_told = false;
  {
    NameLookup lookup(io);
    for (int i = 0; i < 50; ++i) {
      lookup.look_up("127.1", [&](const NameAnswer&) { is_told = true; });
    }
  }
  io.run_for(50ms);
  EXPECT_FALSE(is_told);
}

}  // namespace
}  // namespace sluice::daemon
