#include "balance/maglev.h"

#include <algorithm>

#include "base/assert.h"

namespace sluice::balance {
namespace {

constexpr std::uint64_t kOffsetSeed = 0x6f6666736574;
constexpr std::uint64_t kSkipSeed = 0x736b6970;
constexpr std::uint32_t kFree = UINT32_MAX;

/// Whether a server of this weight takes part in a round, counted from 1.
bool takes_part(std::uint16_t weight, std::uint64_t round, std::uint16_t heaviest) noexcept {
  return round * weight / heaviest > (round - 1) * weight / heaviest;
}

std::uint32_t step(std::uint32_t place, std::uint32_t skip, std::uint32_t size) noexcept {
  return static_cast<std::uint32_t>((std::uint64_t{place} + skip) % size);
}

}  // namespace

std::vector<std::uint32_t> fill_maglev(std::span<const MaglevPath> paths, std::uint32_t size) {
  if (paths.empty()) return {};
  std::vector<std::uint32_t> entries(size, kFree);
  std::vector<std::uint32_t> places;
  std::uint16_t heaviest = 1;
  for (const MaglevPath& path : paths) {
    SLUICE_ASSERT(path.offset < size && path.skip >= 1 && path.skip < size);
    places.push_back(path.offset);
    heaviest = std::max(heaviest, path.weight);
  }
  std::uint32_t taken = 0;
  for (std::uint64_t round = 1;; ++round) {
    for (std::size_t i = 0; i < paths.size(); ++i) {
      if (!takes_part(paths[i].weight, round, heaviest)) continue;
      while (entries[places[i]] != kFree) places[i] = step(places[i], paths[i].skip, size);
      entries[places[i]] = paths[i].server;
      places[i] = step(places[i], paths[i].skip, size);
      if (++taken == size) return entries;
    }
  }
}

MaglevTable::MaglevTable(std::vector<MaglevServer> servers, std::uint32_t size) {
  std::erase_if(servers, [](const MaglevServer& server) { return server.weight == 0; });
  std::sort(servers.begin(), servers.end(),
            [](const auto& left, const auto& right) { return left.name < right.name; });
  std::vector<MaglevPath> paths;
  paths.reserve(servers.size());
  for (const MaglevServer& server : servers) {
    paths.push_back({.server = server.index,
                     .offset = scale(hash_of(server.name, kOffsetSeed), size),
                     .skip = scale(hash_of(server.name, kSkipSeed), size - 1) + 1,
                     .weight = server.weight});
  }
  entries_ = fill_maglev(paths, size);
}

}  // namespace sluice::balance
