#include "balance/persistence_table.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "allocations.h"
#include "balance/hash.h"

namespace sluice::balance {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

const base::TimePoint kAnHourAgo = base::Clock::now() - hours(1);

Freshness at(base::Duration after, milliseconds limit = minutes(30)) {
  return Freshness::at(kAnHourAgo + after, limit);
}

std::unique_ptr<PersistenceTable> table_of(std::size_t entries) {
  return std::move(PersistenceTable::create(entries).value());
}

TEST(PersistenceTable, RemembersUntilTheClientHasNotComeForSoLong) {
  const auto table = table_of(100);
  EXPECT_EQ(table->find(7, at(seconds(0))), PersistenceTable::kNobody);
  EXPECT_EQ(table->assign(7, 0, 3, at(seconds(0))), 3U);
  EXPECT_EQ(table->find(7, at(minutes(29))), 3U);
  EXPECT_EQ(table->find(7, at(minutes(58))), 3U) << "it came at 29";
  EXPECT_EQ(table->find(7, at(minutes(89))), PersistenceTable::kNobody);
  EXPECT_EQ(table->assign(7, 0, 4, at(minutes(89))), 4U) << "the expired one does not count";
  EXPECT_EQ(table->clients(), 1U);
}

TEST(PersistenceTable, WithoutALimitNothingExpires) {
  const auto table = table_of(100);
  table->assign(7, 0, 3, at(seconds(0), milliseconds(0)));
  EXPECT_EQ(table->find(7, at(hours(24 * 300), milliseconds(0))), 3U);
}

TEST(PersistenceTable, AClockThatIsALittleBehindIsNoExpiry) {
  const auto table = table_of(100);
  table->assign(7, 0, 3, at(seconds(1), milliseconds(500)));
  EXPECT_EQ(table->find(7, at(seconds(0), milliseconds(500))), 3U);
}

TEST(PersistenceTable, WhoWasFirstIsKeptUnlessThatOneWasExpected) {
  const auto table = table_of(100);
  table->assign(7, 0, 3, at(seconds(0)));
  EXPECT_EQ(table->assign(7, 0, 4, at(seconds(0))), 3U);
  EXPECT_EQ(table->assign(7, 3, 4, at(seconds(0))), 4U);
  EXPECT_EQ(table->assign(7, 3, 5, at(seconds(0))), 4U);
  EXPECT_EQ(table->find(7, at(seconds(0))), 4U);
}

TEST(PersistenceTable, EveryKeyIsPossible) {
  const auto table = table_of(100);
  for (const std::uint64_t key : {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0}}) {
    EXPECT_EQ(table->assign(key, 0, 9, at(seconds(0))), 9U);
    EXPECT_EQ(table->find(key, at(seconds(0))), 9U);
  }
}

TEST(PersistenceTable, IsNearlyFullBeforeItForgetsAnybody) {
  const auto table = table_of(80'000);
  for (std::uint64_t client = 0; client < 64'000; ++client) {
    table->assign(rehash(client), 0, 1, at(seconds(0)));
  }
  EXPECT_LE(table->evictions(), 64U) << "one in a thousand at eight tenths";
  EXPECT_EQ(table->clients() + table->evictions(), 64'000U);
}

TEST(PersistenceTable, IsBoundedAndForgetsWhoHasNotComeTheLongest) {
  const auto table = table_of(8);
  for (std::uint32_t client = 11; client <= 18; ++client) {
    table->assign(client, 0, client, at(seconds(client)));
  }
  EXPECT_EQ(table->find(11, at(seconds(19))), 11U);
  table->assign(100, 0, 100, at(seconds(20)));
  EXPECT_EQ(table->clients(), 8U);
  EXPECT_EQ(table->evictions(), 1U);
  EXPECT_EQ(table->find(12, at(seconds(20))), PersistenceTable::kNobody);
  EXPECT_EQ(table->find(11, at(seconds(20))), 11U) << "it has come since";
}

TEST(PersistenceTable, AnExpiredClientMakesRoomWithoutALoss) {
  const auto table = table_of(8);
  for (std::uint64_t client = 11; client <= 18; ++client) {
    table->assign(client, 0, 1, at(seconds(0)));
  }
  table->assign(100, 0, 1, at(hours(1)));
  EXPECT_EQ(table->evictions(), 0U);
}

TEST(PersistenceTable, ASweepForgetsWhoHasExpired) {
  const auto table = table_of(1000);
  for (std::uint64_t client = 0; client < 500; ++client) {
    table->assign(rehash(client), 0, 1, at(client < 300 ? seconds(0) : minutes(20)));
  }
  for (int part = 0; part < 7; ++part) table->sweep(at(minutes(40)), 143);
  EXPECT_EQ(table->clients(), 200U);
  EXPECT_EQ(table->find(rehash(400), at(minutes(40))), 1U);
}

TEST(PersistenceTable, ACopyHoldsAllOrTheLatest) {
  const auto small = table_of(800);
  for (std::uint64_t client = 0; client < 600; ++client) {
    small->assign(rehash(client), 0, 5, at(seconds(client)));
  }
  const auto large = table_of(8000);
  large->copy_from(*small);
  const auto tiny = table_of(16);
  tiny->copy_from(*large);
  EXPECT_EQ(large->clients(), 600U);
  EXPECT_EQ(tiny->clients(), 16U);
  EXPECT_EQ(tiny->find(rehash(599), at(seconds(600))), 5U);
  for (std::uint64_t client = 0; client < 600; ++client) {
    EXPECT_EQ(large->find(rehash(client), at(seconds(600))), 5U);
  }
}

TEST(PersistenceTable, FindingAndAssigningDoNotAllocate) {
  const auto table = table_of(1000);
  const std::uint64_t before = allocations();
  for (std::uint64_t client = 0; client < 5000; ++client) {
    table->assign(rehash(client), 0, 1, at(seconds(0)));
    static_cast<void>(table->find(rehash(client), at(seconds(1))));
  }
  EXPECT_EQ(allocations(), before);
}

/// Threads that see the same new clients at the same time, in a table that is too small for them.
TEST(PersistenceTable, WorkersAgreeOnWhoAClientBelongsTo) {
  constexpr std::uint64_t kClients = 20'000;
  constexpr std::uint32_t kThreads = 4;
  for (const std::size_t entries : {std::size_t{40'000}, std::size_t{512}}) {
    const auto table = table_of(entries);
    std::vector<std::vector<std::uint32_t>> answers(kThreads);
    std::atomic<std::uint32_t> arrived{0};
    std::vector<std::thread> threads;
    for (std::uint32_t thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        for (std::uint64_t client = 0; client < kClients; ++client) {
          if (client % 64 == 0) {  // all of them are at the same clients
            arrived.fetch_add(1);
            while (arrived.load() < (client / 64 + 1) * kThreads) std::this_thread::yield();
          }
          answers[thread].push_back(table->assign(rehash(client), 0, thread + 1, at(seconds(0))));
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    std::uint64_t apart = 0;
    for (std::uint64_t client = 0; client < kClients; ++client) {
      for (std::uint32_t thread = 0; thread < kThreads; ++thread) {
        ASSERT_GE(answers[thread][client], 1U);
        ASSERT_LE(answers[thread][client], kThreads);
        if (answers[thread][client] != answers[0][client]) ++apart;
      }
    }
    EXPECT_LE(table->clients(), table->capacity());
    if (entries < kClients) continue;  // there they are forgotten before the last one has come
    // Three at once in one bucket, or a thread held up while a place is its own.
    EXPECT_LE(apart, kClients / 100);
    EXPECT_EQ(table->clients(), kClients);
  }
}

}  // namespace
}  // namespace sluice::balance
