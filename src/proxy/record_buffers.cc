#include "proxy/record_buffers.h"

#include <new>

#include "base/assert.h"

namespace sluice::proxy {
namespace {

std::unique_ptr<RecordBuffer> make_buffer(BufferSize size) noexcept {
  const std::size_t bytes =
      size == BufferSize::kLarge ? RecordBuffer::kLargeBytes : RecordBuffer::kSmallBytes;
  std::unique_ptr<std::byte[]> storage(new (std::nothrow) std::byte[bytes]);
  if (!storage) return nullptr;
  return std::unique_ptr<RecordBuffer>(new (std::nothrow) RecordBuffer(size, std::move(storage)));
}

}  // namespace

RecordBuffer* RecordBuffers::borrow(BufferSize size, BufferUse use) noexcept {
  const auto which = static_cast<std::size_t>(size);
  stats::Counter& lent = lent_[which];
  const bool is_allowed =
      size == BufferSize::kSmall ? has_small(use) : lent.value() < limits_[which];
  std::unique_ptr<RecordBuffer> buffer;
  if (is_allowed && !idle_[which].empty()) {
    buffer = std::move(idle_[which].back());
    idle_[which].pop_back();
  } else if (is_allowed) {
    buffer = make_buffer(size);
  }
  if (!buffer) {
    shortages_.add(1);
    return nullptr;
  }
  lent.add(1);
  return buffer.release();
}

void RecordBuffers::give_back(RecordBuffer* buffer) noexcept {
  const auto which = static_cast<std::size_t>(buffer->size());
  SLUICE_ASSERT(lent_[which].value() > 0);
  lent_[which].set(lent_[which].value() - 1);
  buffer->clear();
  idle_[which].emplace_back(buffer);
}

}  // namespace sluice::proxy
