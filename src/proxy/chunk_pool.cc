#include "proxy/chunk_pool.h"

#include <algorithm>

#include "base/assert.h"

namespace sluice::proxy {

Result<ChunkPool> ChunkPool::create(uring::Ring& ring) {
  auto buffers = uring::BufferRing::create(ring.raw(), {kBufferCount, kBufferBytes});
  if (!buffers) return tl::unexpected(buffers.error());
  return ChunkPool(std::move(*buffers));
}

ChunkPool::ChunkPool(uring::BufferRing ring) : ring_(std::move(ring)), chunks_(ring_.count()) {
  spare_.reserve(ring_.count());
  for (std::uint32_t buffer = ring_.count(); buffer > 0; --buffer) {
    spare_.push_back(static_cast<std::uint16_t>(buffer - 1));
  }
  top_up();
}

void ChunkPool::take(std::uint16_t buffer, std::uint32_t length) noexcept {
  SLUICE_ASSERT(buffer < chunks_.size());
  SLUICE_ASSERT(in_ring_ > 0);
  --in_ring_;
  ++held_;
  chunks_[buffer] = {0, length, ChunkQueue::kNone};
}

std::span<const std::byte> ChunkPool::bytes(std::uint16_t buffer) const noexcept {
  const Chunk& chunk = chunks_[buffer];
  return ring_.bytes(buffer).subspan(chunk.offset, chunk.length);
}

void ChunkPool::consume(std::uint16_t buffer, std::uint32_t count) noexcept {
  Chunk& chunk = chunks_[buffer];
  SLUICE_ASSERT(count <= chunk.length);
  chunk.offset += count;
  chunk.length -= count;
}

void ChunkPool::release(std::uint16_t buffer) noexcept {
  SLUICE_ASSERT(held_ > 0);
  --held_;
  spare_.push_back(buffer);
}

void ChunkPool::push(ChunkQueue& queue, std::uint16_t buffer) noexcept {
  chunks_[buffer].next = ChunkQueue::kNone;
  if (queue.is_empty()) {
    queue.first = buffer;
  } else {
    chunks_[queue.last].next = buffer;
  }
  queue.last = buffer;
}

void ChunkPool::pop(ChunkQueue& queue) noexcept {
  SLUICE_ASSERT(!queue.is_empty());
  const std::uint16_t buffer = queue.first;
  queue.first = chunks_[buffer].next;
  if (queue.first == ChunkQueue::kNone) queue.last = ChunkQueue::kNone;
  release(buffer);
}

void ChunkPool::clear(ChunkQueue& queue) noexcept {
  while (!queue.is_empty()) pop(queue);
}

std::size_t ChunkPool::list(const ChunkQueue& queue, std::span<iovec> into) noexcept {
  std::size_t count = 0;
  for (std::uint16_t each = queue.first; each != ChunkQueue::kNone && count < into.size();
       each = chunks_[each].next) {
    const auto held = bytes(each);
    // iovec has no const; sendmsg(2) only reads.
    into[count++] = {const_cast<std::byte*>(held.data()), held.size()};
  }
  return count;
}

void ChunkPool::top_up() noexcept {
  if (was_short_) wanted_in_ring_ = std::min(wanted_in_ring_ * 2, ring_.count());
  was_short_ = false;
  while (in_ring_ < wanted_in_ring_ && !spare_.empty()) {
    ring_.recycle(spare_.back());
    spare_.pop_back();
    ++in_ring_;
  }
}

}  // namespace sluice::proxy
