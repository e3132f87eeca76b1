#include "config/source_text.h"

#include <algorithm>
#include <utility>

#include "config/utf8.h"

namespace sluice::config {

namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

SourceText::SourceText(std::string text) : text_(std::move(text)) {
  if (text_.starts_with(kByteOrderMark)) text_.erase(0, kByteOrderMark.size());
  line_starts_.push_back(0);
  for (std::size_t at = text_.find('\n'); at != std::string::npos; at = text_.find('\n', at + 1)) {
    line_starts_.push_back(static_cast<Offset>(at + 1));
  }
}

SourcePosition SourceText::position(Offset offset) const {
  offset = std::min(offset, static_cast<Offset>(text_.size()));
  const std::size_t line = line_index(offset);
  if (seen_.line != line || seen_.offset > offset || seen_.offset < line_starts_[line]) {
    seen_ = {line, line_starts_[line], 1};
  }
  for (; seen_.offset < offset; ++seen_.offset) {
    if (!is_continuation_byte(text_[seen_.offset])) ++seen_.column;
  }
  return {static_cast<int>(line) + 1, seen_.column};
}

std::string_view SourceText::line_at(Offset offset) const {
  const std::size_t start = line_start(offset);
  const std::size_t end = text_.find('\n', start);
  return text().substr(start, end == std::string::npos ? end : end - start);
}

Offset SourceText::line_start(Offset offset) const {
  return line_starts_[line_index(offset)];
}

std::size_t SourceText::line_index(Offset offset) const {
  const auto after = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset);
  return static_cast<std::size_t>(after - line_starts_.begin()) - 1;
}

}  // namespace sluice::config
