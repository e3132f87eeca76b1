// What yaml-cpp complains about, in words that help.
#pragma once

#include <string>
#include <string_view>

#include "config/source_text.h"

namespace sluice::config {

struct SyntaxError {
  Offset offset = 0;
  std::string text;
};

/// Explains the parser's message at a place, looking at the text around for the usual causes: a
/// tab in the indentation, an address that needs quotes.
[[nodiscard]] SyntaxError explain_syntax_error(const SourceText& source, Offset offset,
                                               std::string_view parser_message);

}  // namespace sluice::config
