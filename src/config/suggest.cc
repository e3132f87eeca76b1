#include "config/suggest.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>
#include <utility>

namespace sluice::config {

namespace {

constexpr std::size_t kLongestWord = 64;

char folded(char letter) {
  if (letter >= 'A' && letter <= 'Z') return static_cast<char>(letter - 'A' + 'a');
  return letter == '-' ? '_' : letter;
}

}  // namespace

std::size_t edit_distance(std::string_view from, std::string_view to) {
  if (from.size() > kLongestWord || to.size() > kLongestWord) return kLongestWord;
  using Row = std::array<std::uint8_t, kLongestWord + 1>;
  Row before_last{};
  Row last{};
  Row current{};
  std::iota(last.begin(), last.end(), std::uint8_t{0});
  const auto plus = [](std::uint8_t count, int more) {
    return static_cast<std::uint8_t>(count + more);
  };
  for (std::size_t i = 1; i <= from.size(); ++i) {
    current[0] = static_cast<std::uint8_t>(i);
    for (std::size_t j = 1; j <= to.size(); ++j) {
      const int cost = folded(from[i - 1]) == folded(to[j - 1]) ? 0 : 1;
      current[j] = std::min({plus(last[j], 1), plus(current[j - 1], 1), plus(last[j - 1], cost)});
      const bool is_swap = i > 1 && j > 1 && folded(from[i - 1]) == folded(to[j - 2]) &&
                           folded(from[i - 2]) == folded(to[j - 1]);
      if (is_swap) current[j] = std::min(current[j], plus(before_last[j - 2], 1));
    }
    before_last = last;
    last = current;
  }
  return last[to.size()];
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> known) {
  constexpr std::size_t kShortestPrefix = 3;  // `proto` for `protocol`
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const std::string_view candidate : known) {
    const std::size_t difference = word.size() > candidate.size() ? word.size() - candidate.size()
                                                                  : candidate.size() - word.size();
    const bool is_prefix = word.size() >= kShortestPrefix && candidate.starts_with(word);
    if (difference >= best_distance && !is_prefix) continue;
    const std::size_t distance = is_prefix ? 1 : edit_distance(word, candidate);
    if (distance >= best_distance) continue;
    best = candidate;
    best_distance = distance;
  }
  return best;
}

std::string Suggester::suggest(std::string_view word, std::span<const std::string_view> known) {
  if (known.empty() || word.size() > kLongestWord) return "";
  std::string key(word);
  key.append(1, '\0').append(known.front());
  if (const auto made = made_.find(key); made != made_.end()) return made->second;
  if (comparisons_left_ < known.size()) return "";
  comparisons_left_ -= known.size();
  const std::string_view found = nearest(word, known);
  std::string text = found.empty() ? "" : "; did you mean `" + std::string(found) + "`?";
  made_.emplace(std::move(key), text);
  return text;
}

}  // namespace sluice::config
