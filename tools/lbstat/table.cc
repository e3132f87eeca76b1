#include "lbstat/table.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "lbstat/format.h"

namespace sluice::lbstat {
namespace {

constexpr std::size_t kShortest = 6;  // columns a name is never cut below

/// A column while the table is laid out.
struct Draft {
  Column column;
  std::size_t natural = 0;  ///< of the widest cell, without the heading
  std::size_t width = 0;    ///< as it will be printed
};

/// Decides which columns there are and how wide they get.
class Fitting {
 public:
  Fitting(std::vector<Column> columns, const Layout& layout) : layout_(layout) {
    for (Column& column : columns) {
      Draft draft{std::move(column), 0, 0};
      for (const Cell& cell : draft.column.cells) {
        draft.natural = std::max(draft.natural, display_width(cell.text));
      }
      draft.width = std::max(draft.natural, display_width(draft.column.heading));
      drafts_.push_back(std::move(draft));
    }
  }

  void fit() {
    if (is_fitting()) return;
    shorten_headings();
    drop_dull();
    if (!is_fitting()) gap_ = 1;
    if (!shrink(Shrink::kComfortable)) {
      drop_by_priority();
      restore_widths();  // what was dropped may leave room for longer names again
      if (!shrink(Shrink::kComfortable)) shrink(Shrink::kFurther);
    }
    if (layout_.cut == Cut::kWhole) restore_widths();
  }

  [[nodiscard]] const std::vector<Draft>& drafts() const noexcept { return drafts_; }
  [[nodiscard]] std::size_t gap() const noexcept { return gap_; }

 private:
  enum class Shrink { kComfortable, kFurther };

  [[nodiscard]] std::size_t total() const {
    const std::size_t gaps = drafts_.empty() ? 0 : (drafts_.size() - 1) * gap_;
    return std::accumulate(drafts_.begin(), drafts_.end(), gaps,
                           [](std::size_t sum, const Draft& draft) { return sum + draft.width; });
  }

  [[nodiscard]] bool is_fitting() const { return total() <= layout_.width; }

  static std::size_t heading_width(const Draft& draft) {
    return display_width(draft.column.heading);
  }

  void shorten_headings() {
    for (Draft& draft : drafts_) {
      if (!draft.column.short_heading.empty()) draft.column.heading = draft.column.short_heading;
      draft.width = std::max(draft.natural, heading_width(draft));
    }
  }

  static bool is_dull(const Draft& draft) {
    const Column& column = draft.column;
    if (column.dull.empty()) return false;
    return std::all_of(column.cells.begin(), column.cells.end(),
                       [&](const Cell& cell) { return cell.text == column.dull; });
  }

  /// The droppable column of least priority, or the end.
  template <typename Wanted>
  std::vector<Draft>::iterator least(Wanted wanted) {
    auto found = drafts_.end();
    for (auto draft = drafts_.begin(); draft != drafts_.end(); ++draft) {
      const int priority = draft->column.priority;
      if (priority == kNeverDropped || !wanted(*draft)) continue;
      if (found == drafts_.end() || priority < found->column.priority) found = draft;
    }
    return found;
  }

  template <typename Wanted>
  void drop_while_too_wide(Wanted wanted) {
    while (!is_fitting()) {
      const auto found = least(wanted);
      if (found == drafts_.end()) return;
      drafts_.erase(found);
    }
  }

  void drop_dull() { drop_while_too_wide(is_dull); }
  void drop_by_priority() {
    drop_while_too_wide([](const Draft&) { return true; });
  }

  /// Takes columns from the widest name until the table fits; whether it does.
  bool shrink(Shrink how) {
    const auto limit = [how](const Draft& draft) {
      const std::size_t floor = how == Shrink::kComfortable ? draft.column.comfortable : kShortest;
      return std::max(floor, heading_width(draft));
    };
    while (!is_fitting()) {
      Draft* widest = nullptr;
      for (Draft& draft : drafts_) {
        if (draft.column.comfortable == 0 || draft.width <= limit(draft)) continue;
        if (widest == nullptr || draft.width > widest->width) widest = &draft;
      }
      if (widest == nullptr) return false;
      --widest->width;
    }
    return true;
  }

  void restore_widths() {
    for (Draft& draft : drafts_) draft.width = std::max(draft.natural, heading_width(draft));
  }

  Layout layout_;
  std::vector<Draft> drafts_;
  std::size_t gap_ = 2;
};

std::string padded(const Cell& cell, const Draft& draft, Colour colour) {
  const std::string text = shorten(cell.text, draft.width);
  const std::string space(draft.width - display_width(text), ' ');
  const std::string painted = paint(text, cell.tone, colour);
  return draft.column.align == Align::kRight ? space + painted : painted + space;
}

/// One line; the spaces after its last word are left out.
template <typename CellOf>
std::string line(const Fitting& fitting, Colour colour, CellOf cell_of) {
  std::string out;
  for (const Draft& draft : fitting.drafts()) {
    if (!out.empty()) out.append(fitting.gap(), ' ');
    out += padded(cell_of(draft), draft, colour);
  }
  out.erase(out.find_last_not_of(' ') + 1);
  return out + '\n';
}

}  // namespace

std::string paint(const std::string& text, Tone tone, Colour colour) {
  if (colour == Colour::kOff || tone == Tone::kPlain || text.empty()) return text;
  const char* code = "";
  switch (tone) {
    case Tone::kPlain:
      break;
    case Tone::kGood:
      code = "32";
      break;
    case Tone::kWarning:
      code = "33";
      break;
    case Tone::kBad:
      code = "31";
      break;
    case Tone::kFaint:
      code = "2";
      break;
    case Tone::kHeading:
      code = "1";
      break;
  }
  return std::string("\x1b[") + code + 'm' + text + "\x1b[0m";
}

std::string render_table(std::vector<Column> columns, const Layout& layout) {
  const std::size_t rows = columns.empty() ? 0 : columns.front().cells.size();
  Fitting fitting(std::move(columns), layout);
  fitting.fit();
  std::string out = line(fitting, layout.colour, [](const Draft& draft) {
    return Cell{draft.column.heading, Tone::kHeading};
  });
  for (std::size_t row = 0; row < rows; ++row) {
    out +=
        line(fitting, layout.colour, [row](const Draft& draft) { return draft.column.cells[row]; });
  }
  return out;
}

}  // namespace sluice::lbstat
