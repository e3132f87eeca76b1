#include "config/yaml_message.h"

#include <algorithm>
#include <array>

namespace sluice::config {

namespace {

/// The beginning of a message of yaml-cpp 0.7 (yaml-cpp/exceptions.h), and ours for it.
struct Translation {
  std::string_view parser_message;
  std::string_view text;
};

constexpr std::array kTranslations = {
    Translation{"illegal tab when looking for indentation",
                "a tab in the indentation: YAML takes only spaces there"},
    Translation{"illegal map value",
                "a `:` cannot stand here: check the indentation and whether the line above has its "
                "`: `; a value that contains `: ` needs quotes"},
    Translation{"illegal map key", "a key cannot stand here: check the indentation"},
    Translation{"illegal block entry",
                "a list item (`- `) cannot stand here: give it a line of its own, or write [a, b]"},
    Translation{"illegal flow end", "this bracket closes nothing that was opened"},
    Translation{"illegal EOF in scalar", "this quote is never closed"},
    Translation{"illegal document indicator in scalar",
                "`---` or `...` inside quotes: is a quote before it not closed?"},
    Translation{"unknown token",
                "a value cannot begin with this character: put the value in quotes"},
    Translation{
        "unknown escape character",
        "unknown escape in double quotes: write \\\\ for a backslash, or use single quotes"},
    Translation{"bad character found while scanning hex number",
                "a \\x, \\u or \\U escape needs 2, 4 or 8 hexadecimal digits"},
    Translation{"invalid unicode", "this escape is not a Unicode character"},
    Translation{"the referenced anchor is not defined",
                "`*` begins a YAML alias, and nothing above is named like that: put text such as "
                "`*:443` or `*.example.com` in quotes"},
    Translation{"alias not found after *",
                "`*` begins a YAML alias: put text that begins with it in quotes"},
    Translation{"illegal character found while scanning alias",
                "`*` begins a YAML alias: put text that begins with it in quotes"},
    Translation{"anchor not found after &",
                "`&` begins a YAML anchor: put text that begins with it in quotes"},
    Translation{"illegal character found while scanning anchor",
                "`&` begins a YAML anchor: put text that begins with it in quotes"},
    Translation{"bad YAML version", "the %YAML directive is not understood: leave the line out"},
    Translation{"YAML major version too large",
                "the %YAML directive asks for a version other than 1.x: leave the line out"},
    Translation{"bad file", "nested too deeply"},
};

constexpr std::string_view kNeedsQuotes =
    "an IPv6 address needs quotes, because [ begins a list: \"[::]:443\"";

bool is_blank(char byte) {
  return byte == ' ' || byte == '\t';
}

std::string_view indentation(std::string_view line) {
  const auto end = std::find_if_not(line.begin(), line.end(), is_blank);
  return line.substr(0, static_cast<std::size_t>(end - line.begin()));
}

/// Whether `[` at this place begins something like `[::1]:80`.
bool is_bare_ipv6(std::string_view line, std::size_t at) {
  constexpr std::string_view kOfAddresses = "0123456789abcdefABCDEF:.";
  const bool is_quoted = at > 0 && (line[at - 1] == '"' || line[at - 1] == '\'');
  const std::size_t end = line.find_first_not_of(kOfAddresses, at + 1);
  if (is_quoted || end == std::string_view::npos || !line.substr(end).starts_with("]:"))
    return false;
  const std::size_t port = end + 2;
  return line.substr(at, end - at).find(':') != std::string_view::npos && port < line.size() &&
         line[port] >= '0' && line[port] <= '9';
}

bool has_bare_ipv6(std::string_view line) {
  for (std::size_t at = line.find('['); at < line.size(); at = line.find('[', at + 1)) {
    if (is_bare_ipv6(line, at)) return true;
  }
  return false;
}

/// The first quote that no other one closes; `fallback` if there is none. Knows comments, escapes
/// and doubled quotes, but not block scalars: good enough for a message.
Offset unclosed_quote(std::string_view text, Offset fallback) {
  constexpr std::string_view kBefore = " \t\r\n[{,:-";
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool begins = at == 0 || kBefore.find(text[at - 1]) != std::string_view::npos;
    if (!begins) continue;
    if (text[at] == '#') at = std::min(text.find('\n', at), text.size() - 1);
    const char quote = text[at];
    if (quote != '"' && quote != '\'') continue;
    const std::size_t opened = at;
    for (++at; at < text.size() && text[at] != quote; ++at) {
      if (quote == '"' && text[at] == '\\') ++at;
    }
    if (at >= text.size()) return static_cast<Offset>(opened);
  }
  return fallback;
}

std::string end_of_block_text(const SourceText& source, Offset offset) {
  const Offset start = source.line_start(offset);
  if (offset - start == indentation(source.line_at(offset)).size()) {
    return "the indentation of this line fits nothing above it, or the line above is not finished";
  }
  return "unexpected text: put a value with brackets, quotes, ` #` or `: ` inside in quotes as a "
         "whole, and check the quotes before it";
}

std::string end_of_flow_text(const SourceText& source, Offset offset) {
  return offset >= source.text().size() ? "the file ends inside brackets: a `]` or `}` is missing"
                                        : "a `,` or a closing bracket is missing before this";
}

std::string translate(const SourceText& source, Offset offset, std::string_view message) {
  if (message == "end of map not found" || message == "end of sequence not found") {
    return end_of_block_text(source, offset);
  }
  if (message.ends_with(" flow not found")) return end_of_flow_text(source, offset);
  for (const Translation& translation : kTranslations) {
    if (message.starts_with(translation.parser_message)) return std::string(translation.text);
  }
  return "not valid YAML: " + std::string(message);
}

}  // namespace

SyntaxError explain_syntax_error(const SourceText& source, Offset offset,
                                 std::string_view parser_message) {
  const std::string_view line = source.line_at(offset);
  if (const std::size_t tab = indentation(line).find('\t'); tab != std::string_view::npos) {
    return {static_cast<Offset>(source.line_start(offset) + tab),
            std::string(kTranslations.front().text)};
  }
  if (has_bare_ipv6(line)) return {offset, std::string(kNeedsQuotes)};
  const std::string text = translate(source, offset, parser_message);
  if (parser_message.starts_with("illegal EOF in scalar")) {
    offset = unclosed_quote(source.text(), offset);
  }
  return {offset, text};
}

}  // namespace sluice::config
