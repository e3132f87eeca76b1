// The text of a configuration file, and the way from a byte in it to line and column.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/config.h"

namespace sluice::config {

/// A byte's place in the text. Files are limited to kMaxFileBytes, so 32 bits do.
using Offset = std::uint32_t;

/// Owns the text (without a byte order mark). Immutable but for the memory of the last lookup:
/// one thread at a time.
class SourceText {
 public:
  explicit SourceText(std::string text);

  [[nodiscard]] std::string_view text() const { return text_; }

  /// Line and column of a byte, both from 1; columns count characters, not bytes. An offset past
  /// the end means the end. Cheap for offsets that ascend.
  [[nodiscard]] SourcePosition position(Offset offset) const;

  /// The line that holds a byte, without its end.
  [[nodiscard]] std::string_view line_at(Offset offset) const;
  [[nodiscard]] Offset line_start(Offset offset) const;

 private:
  [[nodiscard]] std::size_t line_index(Offset offset) const;

  std::string text_;
  std::vector<Offset> line_starts_;

  struct Seen {
    std::size_t line = 0;
    Offset offset = 0;
    int column = 1;
  };
  mutable Seen seen_;  ///< where position() was last: lines of megabytes stay linear
};

}  // namespace sluice::config
