#include "daemon/admin_target.h"

#include <charconv>

namespace sluice::daemon {
namespace {

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      out += text[at];
      continue;
    }
    const std::string_view digits = text.substr(at + 1, 2);
    unsigned value = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (error != std::errc() || digits.size() != 2 || end != digits.data() + 2) {
      return std::nullopt;
    }
    out += static_cast<char>(value);
    at += 2;
  }
  return out;
}

/// Takes the text up to `separator` off the front of `rest`, and the separator with it.
std::string_view take_until(std::string_view& rest, char separator) {
  const auto end = rest.find(separator);
  const std::string_view taken = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return taken;
}

}  // namespace

std::optional<AdminTarget> parse_target(std::string_view text) {
  if (text.empty() || text.front() != '/') return std::nullopt;
  AdminTarget target;
  std::string_view path = take_until(text, '?');
  while (!path.empty()) {
    const std::string_view segment = take_until(path, '/');
    if (segment.empty()) continue;
    auto decoded = percent_decoded(segment);
    if (!decoded) return std::nullopt;
    target.segments.push_back(*std::move(decoded));
  }
  while (!text.empty()) {
    std::string_view value = take_until(text, '&');
    if (value.empty()) continue;
    auto name = percent_decoded(take_until(value, '='));
    auto decoded = percent_decoded(value);
    if (!name || !decoded) return std::nullopt;
    target.parameters.emplace_back(*std::move(name), *std::move(decoded));
  }
  return target;
}

}  // namespace sluice::daemon
