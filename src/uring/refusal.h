// Why this system refuses io_uring, in one line for the person who has to change it. Any thread.
#pragma once

#include <string>

namespace sluice::uring {

/// `error` is what io_uring_setup(2) gave. Looks at kernel.io_uring_disabled and the process's
/// seccomp mode to name the cause.
[[nodiscard]] std::string explain_refusal(int error);

}  // namespace sluice::uring
