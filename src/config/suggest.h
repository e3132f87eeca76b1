// "Did you mean": the known word nearest to a misspelt one.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

namespace sluice::config {

/// Insertions, deletions, substitutions and swaps of neighbours that turn one word into the other
/// (optimal string alignment).
[[nodiscard]] std::size_t edit_distance(std::string_view from, std::string_view to);

/// The nearest of `known` within a third of the word's length, or one that the word begins, or "".
/// Case and `-` for `_` cost nothing. Linear in `known`, so callers with many unknown words use a
/// Suggester.
[[nodiscard]] std::string_view nearest(std::string_view word,
                                       std::span<const std::string_view> known);

/// Makes suggestions until it has compared enough: 10,000 dangling references among 10,000
/// names must not take minutes. The same mistake 10,000 times costs once.
class Suggester {
 public:
  /// "; did you mean `x`?", or "" where nothing is near.
  [[nodiscard]] std::string suggest(std::string_view word, std::span<const std::string_view> known);

 private:
  std::unordered_map<std::string, std::string> made_;  ///< by word and first known word
  std::size_t comparisons_left_ = 100'000;
};

}  // namespace sluice::config
