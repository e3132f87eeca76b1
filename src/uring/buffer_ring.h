// Receive buffers that all sessions of a worker share: the kernel takes one when bytes arrive, so a
// waiting session holds none.
//
// A provided-buffer ring (io_uring_setup_buf_ring(3), Linux 5.19). A buffer is either the kernel's,
// waiting in the ring, or ours, from the completion that names it until `recycle()`. When none is
// left a receive ends with ENOBUFS and its owner waits for one. Thread: the one that owns the ring.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "sluice/error.h"

struct io_uring;
struct io_uring_buf_ring;

namespace sluice::uring {

class BufferRing {
 public:
  static constexpr std::uint16_t kGroup = 1;

  struct Shape {
    std::uint32_t count;           ///< a power of two, 32768 at most
    std::uint32_t length;          ///< bytes of one buffer
    std::uint16_t group = kGroup;  ///< the number that receives select by; unique in its ring
  };

  /// Maps the memory (touched only when used) and registers it with the ring.
  [[nodiscard]] static Result<BufferRing> create(io_uring& ring, Shape shape);

  BufferRing(BufferRing&& other) noexcept;
  BufferRing& operator=(BufferRing&&) = delete;
  /// The ring must have been closed before, or hold no receive that selects from here.
  ~BufferRing();

  [[nodiscard]] std::span<std::byte> bytes(std::uint16_t buffer) const noexcept {
    return {memory_ + std::size_t{buffer} * shape_.length, shape_.length};
  }
  [[nodiscard]] std::uint32_t length() const noexcept { return shape_.length; }
  [[nodiscard]] std::uint32_t count() const noexcept { return shape_.count; }
  [[nodiscard]] std::uint16_t group() const noexcept { return shape_.group; }

  /// Gives the buffer to the kernel.
  void recycle(std::uint16_t buffer) noexcept;

 private:
  BufferRing(io_uring_buf_ring* ring, std::byte* memory, Shape shape) noexcept
      : ring_(ring), memory_(memory), shape_(shape) {}

  io_uring_buf_ring* ring_;
  std::byte* memory_;
  Shape shape_;
};

}  // namespace sluice::uring
