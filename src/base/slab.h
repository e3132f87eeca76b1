// Objects of one type at addresses that never change: the kernel, timers and lists may point at
// them.
//
// Memory comes in chunks, is handed out last-in first-out (the warmest slot first) and is kept for
// the next object until the slab itself goes. One owner thread. The limit is the caller's: ask
// `size()` before `make()`.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "base/assert.h"

namespace sluice::base {

template <typename T, std::size_t kChunk = 64>
class Slab {
 public:
  Slab() = default;
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;
  /// Every object must have been destroyed before.
  ~Slab() { SLUICE_ASSERT(size_ == 0); }

  /// Objects alive.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  /// Constructs an object; allocates one chunk when no slot is free.
  template <typename... Args>
  [[nodiscard]] T& make(Args&&... args) {
    if (free_ == nullptr) grow();
    Slot* slot = free_;
    free_ = slot->next_free;
    ++size_;
    return *std::construct_at(reinterpret_cast<T*>(slot->bytes), std::forward<Args>(args)...);
  }

  /// Destroys an object of this slab and keeps its slot for the next one.
  void destroy(T& object) noexcept {
    SLUICE_ASSERT(size_ > 0);
    std::destroy_at(&object);
    Slot* slot = reinterpret_cast<Slot*>(&object);
    slot->next_free = free_;
    free_ = slot;
    --size_;
  }

 private:
  union Slot {
    Slot() noexcept : next_free(nullptr) {}
    Slot* next_free;
    alignas(T) std::byte bytes[sizeof(T)];
  };

  void grow() {
    chunks_.push_back(std::make_unique<Slot[]>(kChunk));
    for (std::size_t index = kChunk; index > 0; --index) {
      Slot& slot = chunks_.back()[index - 1];
      slot.next_free = free_;
      free_ = &slot;
    }
  }

  std::vector<std::unique_ptr<Slot[]>> chunks_;
  Slot* free_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace sluice::base
