#include "config/text_check.h"

#include <string>
#include <string_view>

#include "config/bounds.h"

namespace sluice::config {

namespace {

bool is_continuation(std::string_view text, std::size_t at) {
  return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80;
}

/// Bytes of the UTF-8 sequence at `at`, 0 if there is none (RFC 3629, section 4: no overlong
/// forms, no surrogates, nothing above U+10FFFF).
std::size_t sequence_length(std::string_view text, std::size_t at) {
  const auto first = static_cast<unsigned char>(text[at]);
  if (first < 0x80) return 1;
  if (first < 0xC2 || first > 0xF4 || !is_continuation(text, at + 1)) return 0;
  if (first < 0xE0) return 2;
  const auto second = static_cast<unsigned char>(text[at + 1]);
  if (!is_continuation(text, at + 2)) return 0;
  if (first < 0xF0) {
    const bool is_overlong = first == 0xE0 && second < 0xA0;
    const bool is_surrogate = first == 0xED && second > 0x9F;
    return is_overlong || is_surrogate ? 0 : 3;
  }
  if ((first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) return 0;
  return is_continuation(text, at + 3) ? 4 : 0;
}

std::string hex_byte(char byte) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  const auto code = static_cast<unsigned char>(byte);
  return std::string("0x") + kDigits[code >> 4] + kDigits[code & 0xF];
}

bool is_forbidden_control(char byte) {
  const auto code = static_cast<unsigned char>(byte);
  return (code < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || code == 0x7F;
}

std::string control_text(char byte) {
  if (byte == '\0') return "NUL byte: this is not a text file, or it was cut by a crash";
  return "control character " + hex_byte(byte) +
         ": not allowed in YAML; in double quotes write \\x" + hex_byte(byte).substr(2);
}

bool check_characters(const SourceText& source, Report& report) {
  const std::string_view text = source.text();
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
    report.error(0, "", "not UTF-8 but UTF-16: save the file as UTF-8");
    return false;
  }
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = sequence_length(text, at);
    if (length == 0) {
      report.error(static_cast<Offset>(at), "",
                   "not UTF-8: byte " + hex_byte(text[at]) + "; save the file as UTF-8");
      return false;
    }
    if (is_forbidden_control(text[at])) {
      report.error(static_cast<Offset>(at), "", control_text(text[at]));
      return false;
    }
    at += length;
  }
  return true;
}

bool is_separator(char byte) {
  return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t' || byte == ',' ||
         byte == '[' || byte == ']' || byte == '{' || byte == '}';
}

std::size_t tokens_of(char byte, char next) {
  switch (byte) {
    case '[':
    case '{':
    case ',':
      return 2;  // itself, and the scalar or the key mark that may follow
    case ']':
    case '}':
    case '"':
    case '\'':
    case '&':
    case '*':
    case '!':
    case '\n':
      return 1;
    case ':':
      return is_separator(next) ? 2 : 0;
    case '-':
    case '?':
      return is_separator(next) ? 1 : 0;
    default:
      return 0;
  }
}

}  // namespace

std::size_t estimate_tokens(std::string_view text) {
  std::size_t tokens = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    tokens += tokens_of(text[at], at + 1 < text.size() ? text[at + 1] : '\n');
  }
  return tokens;
}

bool check_text(const SourceText& source, Report& report) {
  if (!check_characters(source, report)) return false;
  if (estimate_tokens(source.text()) > kMaxTokens) {
    report.error(0, "",
                 "too large: the file has more than about " + std::to_string(kMaxTokens / 4) +
                     " keys and values");
    return false;
  }
  return true;
}

}  // namespace sluice::config
