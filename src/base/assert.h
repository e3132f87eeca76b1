// SLUICE_ASSERT(condition): a bug ends the process here, in release builds too, with the place and
// the condition on stderr. One condition each, so that the message says which one failed. Never for
// what a network, a file or a person can cause.
#pragma once

namespace sluice::base {

/// Prints the failed condition and its place and aborts. Any thread.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line) noexcept;

}  // namespace sluice::base

#define SLUICE_ASSERT(condition) \
  (static_cast<bool>(condition)  \
       ? static_cast<void>(0)    \
       : ::sluice::base::assertion_failed(#condition, __FILE__, __LINE__))
