#include "lbstat/format.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace sluice::lbstat {
namespace {

std::string print(const char* pattern, double value) {
  std::array<char, 64> text;
  const int size = std::snprintf(text.data(), text.size(), pattern, value);
  return {text.data(), static_cast<std::size_t>(size)};
}

/// `value` in the largest unit of `units` that leaves at least 1, with one digit after the point
/// below 10. Rounding may carry into the next unit: 1023.9K is 1.0M.
std::string scaled(double value, double base, std::string_view units) {
  std::size_t unit = 0;
  while (unit + 1 < units.size() && std::round(value) >= base) {
    value /= base;
    ++unit;
  }
  const bool whole = unit == 0 || value >= 9.95;
  std::string text = print(whole ? "%.0f" : "%.1f", value);
  if (unit > 0) text += units[unit];
  return text;
}

constexpr std::string_view kBinaryUnits = " KMGTPE";
constexpr std::string_view kDecimalUnits = " kMGTPE";

/// Two units, the second with two digits: 1h02m.
std::string two_units(double seconds, double large, double small, const char* large_unit,
                      const char* small_unit) {
  const auto count = std::floor(seconds / large);
  const auto rest = std::floor((seconds - count * large) / small);
  return print("%.0f", count) + large_unit + print("%02.0f", rest) + small_unit;
}

bool starts_character(char byte) noexcept {
  return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U;
}

/// Where the character with this index begins; the end of the text past the last one.
std::size_t offset_of(std::string_view text, std::size_t index) noexcept {
  std::size_t seen = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (starts_character(text[at]) && seen++ == index) return at;
  }
  return text.size();
}

}  // namespace

std::string format_bytes(std::uint64_t bytes) {
  return scaled(static_cast<double>(bytes), 1024, kBinaryUnits);
}

std::string format_count(std::uint64_t count) {
  constexpr std::uint64_t kExact = 100'000;
  if (count < kExact) return std::to_string(count);
  return scaled(static_cast<double>(count), 1000, kDecimalUnits);
}

std::string format_rate(double per_second) {
  if (!(per_second >= 0.05)) return "0";
  if (per_second < 9.95) return print("%.1f", per_second);
  return scaled(per_second, 1000, kDecimalUnits);
}

std::string format_byte_rate(double per_second) {
  return scaled(per_second > 0 ? per_second : 0, 1024, kBinaryUnits);
}

std::string format_duration(double seconds) {
  constexpr double kMinute = 60;
  constexpr double kHour = 60 * kMinute;
  constexpr double kDay = 24 * kHour;
  if (!(seconds > 0)) return "0s";
  if (seconds < 0.9995) return print("%.0fms", seconds * 1000);
  if (seconds < kMinute) return print("%.0fs", std::floor(seconds));
  if (seconds < kHour) return two_units(seconds, kMinute, 1, "m", "s");
  if (seconds < kDay) return two_units(seconds, kHour, kMinute, "h", "m");
  return two_units(seconds, kDay, kHour, "d", "h");
}

std::string printable(std::string_view text) {
  std::string out(text);
  for (char& byte : out) {
    const auto code = static_cast<unsigned char>(byte);
    if (code < 0x20 || code == 0x7F) byte = '?';
  }
  return out;
}

std::size_t display_width(std::string_view text) noexcept {
  std::size_t width = 0;
  for (const char byte : text) width += starts_character(byte) ? 1 : 0;
  return width;
}

std::string shorten(std::string_view text, std::size_t width) {
  const std::size_t characters = display_width(text);
  if (characters <= width) return std::string(text);
  if (width == 0) return {};
  const std::size_t kept = width - 1;
  const std::size_t back = kept / 2;
  const std::size_t front_end = offset_of(text, kept - back);
  const std::size_t back_begin = offset_of(text, characters - back);
  return std::string(text.substr(0, front_end)) + "\u2026" + std::string(text.substr(back_begin));
}

std::string wrap(std::string_view text, std::size_t width) {
  std::string out;
  std::string line;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    if (!line.empty() && display_width(line) + 1 + display_width(word) > width) {
      out += line + '\n';
      line = " ";
    }
    if (!line.empty()) line += ' ';
    line += word;
  }
  return out + line + '\n';
}

std::string plural(std::uint64_t count, std::string_view noun) {
  return format_count(count) + ' ' + std::string(noun) + (count == 1 ? "" : "s");
}

}  // namespace sluice::lbstat
