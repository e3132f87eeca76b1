// A table of text that makes the best of the columns there are.
//
// Where the whole does not fit it becomes narrower in this order: short headings; without columns
// that say nothing (every cell is the dull one); one space between columns; names shortened to a
// comfortable width; without the columns of least priority; names shortened further. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace sluice::lbstat {

enum class Tone { kPlain, kGood, kWarning, kBad, kFaint, kHeading };
enum class Colour { kOff, kOn };
/// kWhole: the reader is a program, or a file; no cell is cut, whatever it does to the layout.
enum class Cut { kShorten, kWhole };
enum class Align { kLeft, kRight };

struct Layout {
  std::size_t width = 100;
  Colour colour = Colour::kOff;
  Cut cut = Cut::kWhole;
};

struct Cell {
  std::string text;
  Tone tone = Tone::kPlain;
};

inline constexpr int kNeverDropped = 100;

struct Column {
  std::string heading;
  std::string short_heading = {};
  Align align = Align::kLeft;
  int priority = kNeverDropped;  ///< the lowest goes first
  std::string dull = {};         ///< text of a cell that says nothing; empty = none does
  std::size_t comfortable = 0;   ///< width that a long name may be cut to; 0 = never cut
  std::vector<Cell> cells = {};
};

/// Lines that each end in a newline. Every column has the same number of cells.
[[nodiscard]] std::string render_table(std::vector<Column> columns, const Layout& layout);

/// The text in its colour, or as it is.
[[nodiscard]] std::string paint(const std::string& text, Tone tone, Colour colour);

}  // namespace sluice::lbstat
