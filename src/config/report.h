// Collects what is to be said about one configuration file.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "config/source_text.h"
#include "sluice/error.h"

namespace sluice::config {

/// The value as it appears in a message: in backticks, on one line, shortened.
[[nodiscard]] std::string quote(std::string_view value);

/// The same for a path, which is no use shortened.
[[nodiscard]] std::string quote_path(std::string_view path);

/// Remarks come in any order and leave in the order of the file. Repeated ones (a default that
/// 50 backends inherit) are said once. Bounded: see kMaxDiagnostics.
class Report {
 public:
  Report(std::string file, const SourceText& source);

  void error(Offset offset, std::string key_path, std::string text);
  void notice(Offset offset, std::string key_path, std::string text);

  /// Further remarks are only counted: whoever has to work for their text can save it.
  [[nodiscard]] bool is_full() const;
  void drop_error();

  [[nodiscard]] bool has_errors() const { return error_count_ > 0; }
  [[nodiscard]] const SourceText& source() const { return source_; }
  [[nodiscard]] SourcePosition position(Offset offset) const { return source_.position(offset); }

  /// Hands everything out; the report is empty afterwards.
  [[nodiscard]] Diagnostics take();

 private:
  struct Remark {
    Offset offset;
    Severity severity;
    std::string key_path;
    std::string text;
  };

  void add(Remark remark);

  std::string file_;
  const SourceText& source_;
  std::vector<Remark> remarks_;
  std::unordered_set<std::string> said_;
  std::size_t error_count_ = 0;
  std::size_t dropped_ = 0;
};

}  // namespace sluice::config
