#include "uring/buffer_ring.h"

#include <liburing.h>
#include <sys/mman.h>

#include <bit>
#include <cstring>
#include <utility>

#include "base/assert.h"

namespace sluice::uring {
namespace {

void* map(std::size_t bytes) noexcept {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

std::size_t ring_bytes(BufferRing::Shape shape) noexcept {
  return shape.count * sizeof(io_uring_buf);
}

std::size_t memory_bytes(BufferRing::Shape shape) noexcept {
  return std::size_t{shape.count} * shape.length;
}

}  // namespace

Result<BufferRing> BufferRing::create(io_uring& ring, Shape shape) {
  SLUICE_ASSERT(std::has_single_bit(shape.count));
  SLUICE_ASSERT(shape.count <= 32768);
  auto* entries = static_cast<io_uring_buf_ring*>(map(ring_bytes(shape)));
  if (entries == nullptr) return fail("no memory for the receive buffer ring");
  auto* memory = static_cast<std::byte*>(map(memory_bytes(shape)));
  BufferRing buffers(entries, memory, shape);
  if (memory == nullptr) return fail("no memory for the receive buffers");

  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<std::uintptr_t>(entries);
  registration.ring_entries = shape.count;
  registration.bgid = shape.group;
  if (const int error = io_uring_register_buf_ring(&ring, &registration, 0); error < 0) {
    return fail(std::string("the kernel refuses a provided-buffer ring: ") + std::strerror(-error) +
                " (needs Linux 5.19)");
  }
  io_uring_buf_ring_init(entries);
  return buffers;
}

BufferRing::BufferRing(BufferRing&& other) noexcept
    : ring_(std::exchange(other.ring_, nullptr)),
      memory_(std::exchange(other.memory_, nullptr)),
      shape_(other.shape_) {}

BufferRing::~BufferRing() {
  if (memory_ != nullptr) ::munmap(memory_, memory_bytes(shape_));
  if (ring_ != nullptr) ::munmap(ring_, ring_bytes(shape_));
}

void BufferRing::recycle(std::uint16_t buffer) noexcept {
  SLUICE_ASSERT(buffer < shape_.count);
  io_uring_buf_ring_add(ring_, memory_ + std::size_t{buffer} * shape_.length, shape_.length, buffer,
                        io_uring_buf_ring_mask(shape_.count), 0);
  io_uring_buf_ring_advance(ring_, 1);
}

}  // namespace sluice::uring
