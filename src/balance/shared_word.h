// A word that several threads read and write, in memory that the kernel gave as zeros.
#pragma once

#include <atomic>
#include <cstdint>

namespace sluice::balance {

/// Every access to `word` goes through this. Any thread.
[[nodiscard]] inline std::atomic_ref<std::uint64_t> shared(std::uint64_t& word) noexcept {
  return std::atomic_ref<std::uint64_t>(word);
}

}  // namespace sluice::balance
