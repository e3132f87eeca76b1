#include "balance/published.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <thread>

namespace sluice::balance {
namespace {

std::atomic<int> living{0};

struct Value {
  explicit Value(int number_in) : number(number_in) { ++living; }
  ~Value() {
    number = -1;
    --living;
  }
  Value(const Value&) = delete;
  Value& operator=(const Value&) = delete;
  std::atomic<int> number;
};

TEST(Published, IsNothingAtFirst) {
  const Published<Value> published(1);
  EXPECT_EQ(published.read(0).get(), nullptr);
}

TEST(Published, KeepsWhatIsBeingRead) {
  {
    Published<Value> published(2);
    published.publish(std::make_unique<const Value>(1));
    {
      const auto reading = published.read(1);
      published.publish(std::make_unique<const Value>(2));
      published.publish(std::make_unique<const Value>(3));
      EXPECT_EQ(reading.get()->number, 1);
      EXPECT_EQ(published.read(0).get()->number, 3);
      EXPECT_EQ(living, 2);
    }
    published.publish(std::make_unique<const Value>(4));
    EXPECT_EQ(living, 1);
  }
  EXPECT_EQ(living, 0);
}

TEST(Published, ReadersNeverSeeAValueThatIsGone) {
  Published<Value> published(1);
  published.publish(std::make_unique<const Value>(0));
  std::atomic<bool> is_done{false};
  std::atomic<int> gone{0};
  std::thread reader([&] {
    while (!is_done) {
      const auto reading = published.read(0);
      if (reading.get()->number < 0) ++gone;
    }
  });
  for (int i = 1; i <= 20'000; ++i) published.publish(std::make_unique<const Value>(i));
  is_done = true;
  reader.join();
  EXPECT_EQ(gone, 0);
}

}  // namespace
}  // namespace sluice::balance
