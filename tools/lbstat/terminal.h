// Where the output goes: how wide, in colour or not, and how to draw on it again and again.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "lbstat/table.h"

namespace sluice::lbstat {

/// Whether standard output is a terminal.
[[nodiscard]] bool is_terminal() noexcept;

/// A terminal: its width, colour unless NO_COLOR is set, names shortened where they must be.
/// Anything else: 100 columns, plain, whole.
[[nodiscard]] Layout output_layout() noexcept;

/// Writes to standard output. False where the reader is gone.
bool print(const std::string& text) noexcept;

/// Draws over what it drew before, on the terminal's second screen, and gives the first one back
/// when it is destroyed. Where standard output is no terminal every picture follows the last.
class Canvas {
 public:
  Canvas();
  Canvas(const Canvas&) = delete;
  Canvas& operator=(const Canvas&) = delete;
  ~Canvas();

  /// Cut to the height of the terminal. False where the reader is gone.
  [[nodiscard]] bool draw(const std::string& picture) const;
};

/// Waits for what ends or interrupts a --watch. While it lives SIGINT, SIGTERM, SIGHUP and SIGWINCH
/// do nothing but end a wait.
class Waiter {
 public:
  enum class Event { kTimeout, kResized, kStop };

  Waiter();

  [[nodiscard]] Event wait_until(std::chrono::steady_clock::time_point end) const;
};

}  // namespace sluice::lbstat
