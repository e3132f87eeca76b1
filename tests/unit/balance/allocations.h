// How much memory the test program has asked for, to show that a path allocates nothing.
#pragma once

#include <cstdint>

namespace sluice::balance {

/// Calls of operator new so far, on all threads.
[[nodiscard]] std::uint64_t allocations() noexcept;

}  // namespace sluice::balance
