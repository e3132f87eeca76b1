#include "proxy/session_log.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <thread>

namespace sluice::proxy {
namespace {

SessionRecord make_record(std::uint64_t id) {
  SessionRecord record;
  record.id = id;
  record.bytes_in = id * 3;
  record.generation = ~id;
  return record;
}

TEST(SessionLog, GivesRecordsInTheirOrder) {
  SessionLog log(4);
  EXPECT_FALSE(log.has_records());
  EXPECT_FALSE(log.pop().has_value());
  for (std::uint64_t id = 0; id < 3; ++id) log.push(make_record(id));
  EXPECT_TRUE(log.has_records());
  for (std::uint64_t id = 0; id < 3; ++id) EXPECT_EQ(log.pop()->id, id);
  EXPECT_FALSE(log.pop().has_value());
  EXPECT_EQ(log.drops().value(), 0U);
}

TEST(SessionLog, DropsTheNewestWhenItIsFullAndCountsThem) {
  SessionLog log(4);
  for (std::uint64_t id = 0; id < 10; ++id) log.push(make_record(id));
  EXPECT_EQ(log.drops().value(), 6U);
  for (std::uint64_t id = 0; id < 4; ++id) EXPECT_EQ(log.pop()->id, id);
  EXPECT_FALSE(log.has_records());
  log.push(make_record(77));
  EXPECT_EQ(log.pop()->id, 77U);
}

TEST(SessionLog, GoesRoundManyTimes) {
  SessionLog log(2);
  for (std::uint64_t id = 0; id < 1000; ++id) {
    log.push(make_record(id));
    ASSERT_EQ(log.pop()->id, id);
  }
  EXPECT_EQ(log.drops().value(), 0U);
}

TEST(SessionLog, AWriterAndAReaderLoseNothingButWhatIsCounted) {
  constexpr std::uint64_t kRecords = 200'000;
  SessionLog log(64);
  std::thread writer([&log] {
    for (std::uint64_t id = 1; id <= kRecords; ++id) log.push(make_record(id));
  });
  std::uint64_t read = 0;
  std::uint64_t last = 0;
  std::uint64_t broken = 0;
  const auto take = [&] {
    const auto record = log.pop();
    if (!record) return false;
    ++read;
    const bool is_whole = record->bytes_in == record->id * 3 && record->generation == ~record->id;
    if (!is_whole || record->id <= last) ++broken;
    last = record->id;
    return true;
  };
  while (read + log.drops().value() < kRecords) {
    if (!take()) std::this_thread::yield();
  }
  writer.join();
  while (take()) {
  }
  EXPECT_EQ(read + log.drops().value(), kRecords);
  EXPECT_EQ(broken, 0U) << "torn, or out of order";
}

TEST(SessionLogDeathTest, TakesOnlyAPowerOfTwo) {
  EXPECT_DEATH(SessionLog(6), "has_single_bit");
}

}  // namespace
}  // namespace sluice::proxy
