#include "wire/ip_text.h"

#include <algorithm>
#include <charconv>

namespace sluice::wire {
namespace {

constexpr std::size_t kGroups = 8;

/// The words of an IPv6 address on one side of its `::`.
struct Groups {
  std::array<std::uint16_t, kGroups> value{};
  std::size_t count = 0;

  bool add(std::uint16_t group) noexcept {
    if (count == kGroups) return false;
    value[count++] = group;
    return true;
  }
};

bool add_hex(Groups& groups, std::string_view text) noexcept {
  std::uint16_t value = 0;
  if (text.empty() || text.size() > 4) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return error == std::errc{} && end == text.data() + text.size() && groups.add(value);
}

bool add_ipv4(Groups& groups, std::string_view text) noexcept {
  const auto bytes = parse_ipv4(text);
  if (!bytes) return false;
  const auto word = [&](std::size_t at) {
    return static_cast<std::uint16_t>((*bytes)[at] << 8 | (*bytes)[at + 1]);
  };
  return groups.add(word(0)) && groups.add(word(2));
}

/// Groups between colons; an IPv4 address may be the last one.
std::optional<Groups> parse_groups(std::string_view text) noexcept {
  Groups groups;
  while (!text.empty()) {
    const auto colon = text.find(':');
    const std::string_view word = text.substr(0, colon);
    const bool is_last = colon == std::string_view::npos;
    const bool is_dotted = word.find('.') != std::string_view::npos;
    if (is_dotted ? !is_last || !add_ipv4(groups, word) : !add_hex(groups, word)) {
      return std::nullopt;
    }
    if (is_last) return groups;
    text.remove_prefix(colon + 1);
    if (text.empty()) return std::nullopt;
  }
  return groups;
}

}  // namespace

std::optional<std::uint32_t> parse_decimal(std::string_view text, std::uint32_t most) noexcept {
  std::uint32_t value = 0;
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value > most) {
    return std::nullopt;
  }
  return value;
}

std::optional<Ipv4Bytes> parse_ipv4(std::string_view text) noexcept {
  Ipv4Bytes bytes{};
  for (std::size_t place = 0; place < bytes.size(); ++place) {
    const auto dot = text.find('.');
    const bool is_last = place + 1 == bytes.size();
    if ((dot == std::string_view::npos) != is_last) return std::nullopt;
    const auto value = parse_decimal(text.substr(0, dot), 255);
    if (!value) return std::nullopt;
    bytes[place] = static_cast<std::uint8_t>(*value);
    if (!is_last) text.remove_prefix(dot + 1);
  }
  return bytes;
}

std::optional<Ipv6Bytes> parse_ipv6(std::string_view text) noexcept {
  const auto gap = text.find("::");
  const bool has_gap = gap != std::string_view::npos;
  const std::string_view head_text = text.substr(0, gap);
  const auto head = parse_groups(head_text);
  const auto tail = parse_groups(has_gap ? text.substr(gap + 2) : std::string_view{});
  if (!head || !tail) return std::nullopt;
  // An IPv4 address may stand at the very end only.
  if (has_gap && head_text.find('.') != std::string_view::npos) return std::nullopt;
  const std::size_t given = head->count + tail->count;
  if (has_gap ? given >= kGroups : given != kGroups) return std::nullopt;
  std::array<std::uint16_t, kGroups> words{};
  std::copy_n(head->value.begin(), head->count, words.begin());
  std::copy_n(tail->value.begin(), tail->count, words.end() - static_cast<long>(tail->count));
  Ipv6Bytes bytes{};
  for (std::size_t place = 0; place < kGroups; ++place) {
    bytes[2 * place] = static_cast<std::uint8_t>(words[place] >> 8);
    bytes[2 * place + 1] = static_cast<std::uint8_t>(words[place] & 0xff);
  }
  return bytes;
}

std::string ip_text(std::span<const std::uint8_t> bytes) {
  std::string text;
  if (bytes.size() == 4) {
    for (const std::uint8_t byte : bytes) text += (text.empty() ? "" : ".") + std::to_string(byte);
    return text;
  }
  for (std::size_t place = 0; place + 1 < bytes.size(); place += 2) {
    std::array<char, 5> group{};
    const unsigned value = static_cast<unsigned>(bytes[place]) << 8 | bytes[place + 1];
    std::to_chars(group.data(), group.data() + group.size(), value, 16);
    text += (text.empty() ? "" : ":") + std::string(group.data());
  }
  return text;
}

}  // namespace sluice::wire
