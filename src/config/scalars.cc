#include "config/scalars.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "config/report.h"

namespace sluice::config {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLongestDuration = std::chrono::hours(24 * 365);

bool is_digit(char letter) {
  return letter >= '0' && letter <= '9';
}

bool is_letter(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z');
}

bool is_all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& letter : out) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  }
  return out;
}

struct Unit {
  std::string_view name;
  std::int64_t milliseconds;
};

constexpr std::array kUnits = {Unit{"d", 86'400'000}, Unit{"h", 3'600'000}, Unit{"m", 60'000},
                               Unit{"s", 1'000}, Unit{"ms", 1}};

tl::unexpected<std::string> not_a_duration(std::string_view text) {
  return wrong(quote(text) + " is not a duration; write 500ms, 5s, 10m or 1h, or 0 for off");
}

}  // namespace

Parsed<milliseconds> parse_duration(std::string_view text) {
  if (text == "0") return milliseconds{0};
  if (is_all_digits(text)) {
    const std::string digits(text.substr(0, 20));
    return wrong(quote(text) + " has no unit; write " + digits + "s or " + digits + "ms");
  }
  std::int64_t total = 0;
  std::size_t next_unit = 0;  // units descend: 1h30m, not 30m1h
  std::string_view rest = text;
  while (!rest.empty()) {
    std::int64_t number = 0;
    const auto [end, status] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (status == std::errc::result_out_of_range) return wrong(quote(text) + " is out of range");
    if (status != std::errc() || !is_digit(rest.front())) return not_a_duration(text);
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    const auto letters = std::find_if(rest.begin(), rest.end(), is_digit) - rest.begin();
    const std::string_view name = rest.substr(0, static_cast<std::size_t>(letters));
    rest.remove_prefix(name.size());
    const auto unit = std::find_if(kUnits.begin() + static_cast<std::ptrdiff_t>(next_unit),
                                   kUnits.end(), [name](const Unit& u) { return u.name == name; });
    if (unit == kUnits.end()) return not_a_duration(text);
    next_unit = static_cast<std::size_t>(unit - kUnits.begin()) + 1;
    if (number > (kLongestDuration.count() - total) / unit->milliseconds) {
      return wrong(quote(text) + " is out of range: at most 365d");
    }
    total += number * unit->milliseconds;
  }
  if (text.empty()) return not_a_duration(text);
  return milliseconds{total};
}

Parsed<std::uint64_t> parse_number(std::string_view text, std::uint64_t least, std::uint64_t most) {
  const std::string range = std::to_string(least) + " to " + std::to_string(most);
  const bool is_negative = text.starts_with('-') && is_all_digits(text.substr(1));
  if (is_negative) return wrong(quote(text) + " is out of range: " + range);
  if (!is_all_digits(text)) {
    return wrong(quote(text) + " is not a whole number from " + range);
  }
  if (text.size() > 1 && text.front() == '0') {
    return wrong(quote(text) + " begins with 0; write the number without leading zeros");
  }
  std::uint64_t number = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (status != std::errc() || number < least || number > most) {
    return wrong(quote(text) + " is out of range: " + range);
  }
  return number;
}

Parsed<bool> parse_flag(std::string_view text) {
  const std::string word = lower(text.substr(0, 6));
  if (word == "true" || word == "yes" || word == "on") return true;
  if (word == "false" || word == "no" || word == "off") return false;
  return wrong(quote(text) + " is neither true nor false");
}

Parsed<std::string> parse_name(std::string_view text) {
  constexpr std::size_t kLongestName = 128;
  if (text.empty()) return wrong("the name is empty");
  if (text.size() > kLongestName) return wrong(quote(text) + " is longer than 128 characters");
  const bool is_clean = std::all_of(text.begin(), text.end(), [](char letter) {
    return is_letter(letter) || is_digit(letter) ||
           std::string_view("_-.:").find(letter) != std::string_view::npos;
  });
  if (!is_clean) {
    return wrong(quote(text) + " is not a name: use letters (a-z, A-Z), digits and _ - . :");
  }
  if (std::none_of(text.begin(), text.end(),
                   [](char letter) { return is_letter(letter) || is_digit(letter); })) {
    return wrong(quote(text) + " is not a name: it needs a letter or a digit");  // `..` in a URL
  }
  return std::string(text);
}

Parsed<StatusRange> parse_status_range(std::string_view text) {
  constexpr std::uint64_t kLeast = 100;
  constexpr std::uint64_t kMost = 599;
  const std::size_t dash = text.find('-');
  const auto first = parse_number(text.substr(0, dash), kLeast, kMost);
  const auto last =
      dash == std::string_view::npos ? first : parse_number(text.substr(dash + 1), kLeast, kMost);
  if (!first || !last || *first > *last) {
    return wrong(quote(text) + " is not an HTTP status; write 200 or 200-399");
  }
  return StatusRange{static_cast<int>(*first), static_cast<int>(*last)};
}

Parsed<std::string> parse_cookie_name(std::string_view text) {
  constexpr std::string_view kSeparators = "()<>@,;:\\\"/[]?={} \t";
  const bool is_token = std::all_of(text.begin(), text.end(), [&](char letter) {
    return letter > 0x20 && letter < 0x7F && kSeparators.find(letter) == std::string_view::npos;
  });
  if (text.empty() || text.size() > 128 || !is_token) {
    return wrong(quote(text) + " is not a cookie name: use letters, digits, _ and -");
  }
  return std::string(text);
}

Parsed<std::string> parse_alpn(std::string_view text) {
  constexpr std::size_t kLongest = 255;
  if (text.empty() || text.size() > kLongest) {
    return wrong(quote(text) + " is not a protocol name: write http/1.1 or h2");
  }
  return std::string(text);
}

Parsed<std::string> parse_url_path(std::string_view text) {
  const bool is_clean = std::all_of(text.begin(), text.end(),
                                    [](char letter) { return letter > 0x20 && letter < 0x7F; });
  if (!text.starts_with('/') || !is_clean) {
    return wrong(quote(text) + " is not a path: it begins with / and has no spaces");
  }
  return std::string(text);
}

Parsed<std::string> parse_text(std::string_view text) {
  constexpr std::size_t kLongestText = 4096;
  if (text.empty()) return wrong("is empty");
  if (text.size() > kLongestText) return wrong(quote(text) + " is longer than 4096 bytes");
  const bool has_control = std::any_of(text.begin(), text.end(), [](char letter) {
    return static_cast<unsigned char>(letter) < 0x20 || letter == 0x7F;
  });
  if (has_control) return wrong(quote(text) + " contains a control character");
  return std::string(text);
}

}  // namespace sluice::config
