#include "proxy/chunk_pool.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <utility>
#include <vector>

namespace sluice::proxy {
namespace {

/// The pool needs a ring to give its buffers to; the chunks here are taken as completions would
/// name them.
class ChunkPoolTest : public testing::Test {
 protected:
  ChunkPoolTest() : ring_(make_ring()), pool(make_pool(ring_)) {}

  std::vector<std::uint16_t> queued(ChunkQueue& queue) {
    std::vector<std::uint16_t> buffers;
    while (!queue.is_empty()) {
      buffers.push_back(queue.first);
      pool.pop(queue);
    }
    return buffers;
  }

 private:
  static uring::Ring make_ring() {
    auto ring = uring::Ring::create(8);
    if (!ring) throw std::runtime_error(ring.error().text);
    return std::move(*ring);
  }
  static ChunkPool make_pool(uring::Ring& ring) {
    auto pool = ChunkPool::create(ring);
    if (!pool) throw std::runtime_error(pool.error().text);
    return std::move(*pool);
  }

  uring::Ring ring_;

 protected:
  ChunkPool pool;
};

TEST_F(ChunkPoolTest, KeepsChunksInOrder) {
  ChunkQueue queue;
  EXPECT_TRUE(queue.is_empty());
  for (std::uint16_t buffer = 0; buffer < 5; ++buffer) {
    pool.take(buffer, 100);
    pool.push(queue, buffer);
  }
  EXPECT_EQ(pool.held(), 5U);
  EXPECT_EQ(queued(queue), (std::vector<std::uint16_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(pool.held(), 0U);
}

TEST_F(ChunkPoolTest, KeepsQueuesApart) {
  ChunkQueue one;
  ChunkQueue two;
  for (std::uint16_t buffer = 0; buffer < 6; ++buffer) {
    pool.take(buffer, 1);
    pool.push(buffer % 2 == 0 ? one : two, buffer);
  }
  EXPECT_EQ(queued(two), (std::vector<std::uint16_t>{1, 3, 5}));
  EXPECT_EQ(queued(one), (std::vector<std::uint16_t>{0, 2, 4}));
}

TEST_F(ChunkPoolTest, AQueueThatWasEmptiedStartsAgain) {
  ChunkQueue queue;
  pool.take(3, 1);
  pool.push(queue, 3);
  pool.clear(queue);
  EXPECT_TRUE(queue.is_empty());
  pool.take(4, 1);
  pool.push(queue, 4);
  EXPECT_EQ(queued(queue), std::vector<std::uint16_t>{4});
}

TEST_F(ChunkPoolTest, ForgetsTheFrontOfAChunk) {
  pool.take(7, 1000);
  const auto* begin = pool.bytes(7).data();
  EXPECT_EQ(pool.bytes(7).size(), 1000U);
  pool.consume(7, 400);
  EXPECT_EQ(pool.bytes(7).data(), begin + 400);
  EXPECT_EQ(pool.bytes(7).size(), 600U);
  pool.consume(7, 600);
  EXPECT_TRUE(pool.bytes(7).empty());
  pool.release(7);
  pool.take(7, 5);
  EXPECT_EQ(pool.bytes(7).data(), begin);
}

TEST_F(ChunkPoolTest, RunsDryWhenEveryBufferIsHeldAndRecovers) {
  // Each round as many as the ring holds are taken, and a shortage makes it hold more.
  std::uint32_t taken = 0;
  for (std::uint32_t in_ring = 64; pool.has_buffers(); in_ring *= 2) {
    for (std::uint32_t count = 0; count < in_ring && taken < ChunkPool::kBufferCount; ++count) {
      pool.take(static_cast<std::uint16_t>(taken++), 1);
    }
    pool.on_shortage();
    pool.top_up();
  }
  EXPECT_EQ(taken, ChunkPool::kBufferCount);
  EXPECT_EQ(pool.held(), ChunkPool::kBufferCount);
  pool.release(17);
  EXPECT_TRUE(pool.has_buffers());
  pool.top_up();
  EXPECT_TRUE(pool.has_buffers());
  pool.take(17, 1);
  EXPECT_FALSE(pool.has_buffers());
}

using ChunkPoolDeathTest = ChunkPoolTest;

TEST_F(ChunkPoolDeathTest, ConsumesNoMoreThanThereIs) {
  pool.take(1, 10);
  EXPECT_DEATH(pool.consume(1, 11), "count <= chunk.length");
}

}  // namespace
}  // namespace sluice::proxy
