// CPU affinity and thread names (sched_setaffinity(2), pthread_setname_np(3)).
#pragma once

#include <vector>

namespace sluice::sys {

/// The CPUs this process may run on, ascending. Never empty.
[[nodiscard]] std::vector<int> allowed_cpus();

enum class Pinning { kPinned, kRefused };

/// Binds the calling thread to one CPU.
Pinning pin_this_thread(int cpu) noexcept;

/// No signal is delivered to the calling thread from now on; its system calls are not interrupted.
void block_signals_on_this_thread() noexcept;

/// Names the calling thread as ps(1) and top(1) show it; cut to 15 characters.
void name_this_thread(const char* name) noexcept;

}  // namespace sluice::sys
