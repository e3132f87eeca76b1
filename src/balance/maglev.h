// Maglev hashing: a table of a prime number of entries, each naming a server, in which every server
// has its share to within one entry and keeps nearly all of its entries when others come or go
// (Eisenbud et al., NSDI 2016, section 3.4).
//
// Every server has a permutation of the entries, made of its name. In rounds, each takes the next
// entry of its permutation that is still free; one with half of the greatest weight takes part in
// every other round. The order in which servers take their turns within a round goes by name, so
// the order in the file decides nothing.
//
// Immutable once built. Building takes 2 ms for 10 servers and 65,537 entries, 0.4 s for 10,000
// servers and 655,373, and is for the control thread.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "balance/hash.h"

namespace sluice::balance {

/// The way of one server through a table: offset, offset + skip, offset + 2 skip, ...
struct MaglevPath {
  std::uint32_t server = 0;  ///< what the table shall say
  std::uint32_t offset = 0;  ///< below the size of the table
  std::uint32_t skip = 1;    ///< 1 to size - 1
  std::uint16_t weight = 1;  ///< at least 1
};

/// Fills a table of `size`, a prime, by the paths in their order. Empty where there is no path.
[[nodiscard]] std::vector<std::uint32_t> fill_maglev(std::span<const MaglevPath> paths,
                                                     std::uint32_t size);

struct MaglevServer {
  std::string_view name;     ///< differs from those of the others
  std::uint32_t index = 0;   ///< what the table shall say
  std::uint16_t weight = 1;  ///< 0 = has no entry
};

class MaglevTable {
 public:
  /// At least 32 entries a server, so that shares are even to 3 %. Only two sizes: a change of the
  /// size moves every client.
  [[nodiscard]] static std::uint32_t size_for(std::size_t servers) noexcept {
    return servers <= 2048 ? 65'537 : 655'373;
  }

  MaglevTable(std::vector<MaglevServer> servers, std::uint32_t size);

  [[nodiscard]] bool is_empty() const noexcept { return entries_.empty(); }
  /// Only where it is not empty.
  [[nodiscard]] std::uint32_t find(std::uint64_t hash) const noexcept {
    return entries_[scale(hash, static_cast<std::uint32_t>(entries_.size()))];
  }
  [[nodiscard]] std::span<const std::uint32_t> entries() const noexcept { return entries_; }

 private:
  std::vector<std::uint32_t> entries_;
};

}  // namespace sluice::balance
