// Which entry of a list serves a server name: exact name before one-label wildcard.
//
// `*.example.com` matches `a.example.com`, neither `example.com` nor `a.b.example.com` (RFC 9525
// section 6.3). Names are compared in lower case and without the final dot. Immutable once filled;
// then any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace sluice::tls {

/// Lower case, without the final dot.
[[nodiscard]] std::string normal_name(std::string_view name);

class ServerNames {
 public:
  /// The first entry of a pattern stays: one that comes later is more distant from the default.
  void add(std::string_view pattern, std::uint32_t entry);

  [[nodiscard]] std::optional<std::uint32_t> find(std::string_view name) const;
  [[nodiscard]] bool is_empty() const noexcept { return exact_.empty() && wildcard_.empty(); }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };
  using Map = std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>>;

  Map exact_;
  Map wildcard_;  ///< by what stands behind `*.`
};

}  // namespace sluice::tls
