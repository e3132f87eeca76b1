#include "allocations.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {
std::atomic<std::uint64_t> count{0};
}  // namespace

#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define SLUICE_HAS_MALLOC_HOOK
#endif
#endif

#ifdef SLUICE_HAS_MALLOC_HOOK

// The runtime of clang's thread sanitizer has operators new of its own, beside which the linker
// accepts no others; it tells this function of each piece of memory instead.
extern "C" void __sanitizer_malloc_hook(const volatile void* /*memory*/, std::size_t /*size*/) {
  count.fetch_add(1, std::memory_order_relaxed);
}

#else

void* operator new(std::size_t size) {
  count.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

#endif

namespace sluice::balance {

std::uint64_t allocations() noexcept {
  return count.load(std::memory_order_relaxed);
}

}  // namespace sluice::balance
