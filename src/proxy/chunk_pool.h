// The receive buffers of a worker, and the queues of received chunks that wait for their sink.
//
// Buffers belong to the kernel until bytes arrive in one; then the chunk is held by a direction
// until the sink has taken it. Only as many buffers wait in the kernel's ring as the load needs:
// the ring hands them out in turn, so every one of them would otherwise be touched, and grow the
// process, in time. `top_up()` at the end of each turn keeps that number; a turn that ran dry
// doubles it. Thread: its worker's.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sluice/error.h"
#include "uring/buffer_ring.h"
#include "uring/ring.h"

namespace sluice::proxy {

/// A queue of chunks in the order they arrived; links are inside the pool. Copyable only by its
/// pool's rules: treat as a handle.
struct ChunkQueue {
  static constexpr std::uint16_t kNone = 0xffff;
  std::uint16_t first = kNone;
  std::uint16_t last = kNone;

  [[nodiscard]] bool is_empty() const noexcept { return first == kNone; }
};

class ChunkPool {
 public:
  static constexpr std::uint32_t kBufferBytes = 16 * 1024;

  /// Buffers one worker may have at the most; they cost address space until they are used.
  static constexpr std::uint32_t kBufferCount = 8192;

  [[nodiscard]] static Result<ChunkPool> create(uring::Ring& ring);

  /// A completion named this buffer: it holds `length` bytes that nobody has queued yet.
  void take(std::uint16_t buffer, std::uint32_t length) noexcept;
  [[nodiscard]] std::span<const std::byte> bytes(std::uint16_t buffer) const noexcept;
  /// Forgets the first `count` bytes of the chunk.
  void consume(std::uint16_t buffer, std::uint32_t count) noexcept;
  void release(std::uint16_t buffer) noexcept;

  void push(ChunkQueue& queue, std::uint16_t buffer) noexcept;
  /// Releases the queue's first chunk.
  void pop(ChunkQueue& queue) noexcept;
  void clear(ChunkQueue& queue) noexcept;

  /// Lists the bytes of the queue's first chunks, for sendmsg(2); returns how many chunks there
  /// were room for.
  [[nodiscard]] std::size_t list(const ChunkQueue& queue, std::span<iovec> into) noexcept;

  /// Puts spare buffers into the kernel's ring up to what the load has shown to need.
  void top_up() noexcept;
  /// The kernel found no buffer: the ring is to hold more of them.
  void on_shortage() noexcept { was_short_ = true; }
  /// Whether a receive that starts now can find a buffer after `top_up()`.
  [[nodiscard]] bool has_buffers() const noexcept { return in_ring_ + spare_.size() > 0; }

  [[nodiscard]] std::uint32_t held() const noexcept { return held_; }

 private:
  struct Chunk {
    std::uint32_t offset = 0;
    std::uint32_t length = 0;
    std::uint16_t next = ChunkQueue::kNone;
  };

  explicit ChunkPool(uring::BufferRing ring);

  uring::BufferRing ring_;
  std::vector<Chunk> chunks_;
  std::vector<std::uint16_t> spare_;  ///< ours and empty; the last one is the warmest
  std::uint32_t in_ring_ = 0;
  std::uint32_t wanted_in_ring_ = 64;
  std::uint32_t held_ = 0;
  bool was_short_ = false;  ///< since the last top_up()
};

}  // namespace sluice::proxy
