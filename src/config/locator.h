// From a place in the typed configuration back to the place in the file.
#pragma once

#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "config/context.h"
#include "config/document.h"

namespace sluice::config {

using Path = std::vector<PathStep>;

/// `make_path("backends", 0, "servers", 1, "port")`.
template <typename... Steps>
[[nodiscard]] Path make_path(const Steps&... steps) {
  const auto to_step = [](const auto& step) -> PathStep {
    if constexpr (std::is_integral_v<std::remove_cvref_t<decltype(step)>>) {
      return {{}, static_cast<std::size_t>(step)};
    } else {
      return {step};
    }
  };
  return {to_step(steps)...};
}

/// The document must outlive the locator.
class Locator {
 public:
  struct Place {
    Offset offset = 0;
    std::string key_path;  ///< as written: aliases (`maxconn`) and `defaults` included
    const TreeNode* node = nullptr;
  };

  explicit Locator(const Document& document) : document_(document) {}

  /// Where the value of a path was given: in the entry, or in the defaults that it inherits from;
  /// if it was not given at all, the nearest entry around it, with the path that is missing there.
  [[nodiscard]] Place find(const Path& path) const;

  /// What the file has at exactly this path, without the defaults; null if nothing.
  [[nodiscard]] const TreeNode* own(const Path& path) const;

  /// Whether the value was given, in the entry or by the defaults.
  [[nodiscard]] bool is_given(const Path& path) const;

 private:
  struct Walk {
    Place place;
    bool is_complete = true;
  };
  [[nodiscard]] Walk walk(const Path& path) const;

  const Document& document_;
};

}  // namespace sluice::config
