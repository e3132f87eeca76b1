#include "balance/address_counts.h"

#include <algorithm>
#include <bit>
#include <string>

#include "balance/hash.h"
#include "balance/shared_word.h"
#include "base/random_seed.h"

namespace sluice::balance {
namespace {

constexpr unsigned kCountBits = 20;

std::uint64_t name_in(std::uint64_t word) noexcept {
  return word >> kCountBits;
}
std::uint32_t count_in(std::uint64_t word) noexcept {
  return static_cast<std::uint32_t>(word & AddressCounts::kMostPerAddress);
}

/// What stands for the address within its bucket, never 0: that is a place nobody has had.
std::uint64_t name_of(std::uint64_t hash) noexcept {
  return std::max<std::uint64_t>(hash >> kCountBits, 1);
}

}  // namespace

Result<std::unique_ptr<AddressCounts>> AddressCounts::create(std::size_t places) {
  const std::size_t buckets = std::bit_ceil(std::max(places, kWays)) / kWays;
  Places memory(static_cast<std::uint64_t*>(std::calloc(buckets * kWays, sizeof(std::uint64_t))));
  if (!memory) {
    return fail(
        "no memory to count the sessions of client addresses: leave "
        "max_connections_per_ip out",
        ExitCode::kUnavailable);
  }
  return std::unique_ptr<AddressCounts>(
      new AddressCounts(std::move(memory), buckets, base::random_seed()));
}

AddressCounts::AddressCounts(Places places, std::size_t buckets, std::uint64_t key) noexcept
    : places_(std::move(places)), buckets_(buckets), key_(key) {}

std::size_t AddressCounts::bucket_of(std::uint64_t hash) const noexcept {
  return rehash(hash) & (buckets_ - 1);
}

AddressCounts::Found AddressCounts::look(std::uint64_t hash) const noexcept {
  const auto first = static_cast<std::uint32_t>(bucket_of(hash) * kWays);
  const std::uint64_t name = name_of(hash);
  Found found;
  for (std::uint32_t place = first; place < first + kWays; ++place) {
    const std::uint64_t word = shared(places_[place]).load(std::memory_order_seq_cst);
    if (name_in(word) == name) {
      found.sum += count_in(word);
      if (!found.own) found.own = Seen{place, word};
    } else if (count_in(word) == 0 && !found.free) {
      found.free = Seen{place, word};
    }
  }
  return found;
}

std::optional<std::uint32_t> AddressCounts::take(const Endpoint& client,
                                                 std::uint32_t limit) noexcept {
  const std::uint64_t hash = address_hash(client, key_);
  const std::uint64_t most = std::min(limit, kMostPerAddress);
  while (true) {
    const Found found = look(hash);
    const std::optional<Seen>& at = found.own ? found.own : found.free;
    if (found.sum >= most || !at) return std::nullopt;
    std::uint64_t word = at->word;
    const std::uint64_t more = found.own ? word + 1 : name_of(hash) << kCountBits | 1;
    if (!shared(places_[at->place]).compare_exchange_strong(word, more)) continue;
    if (look(hash).sum <= most) return at->place;
    give_back(at->place);  // the address has got a second place meanwhile
  }
}

void AddressCounts::give_back(std::uint32_t place) noexcept {
  shared(places_[place]).fetch_sub(1, std::memory_order_seq_cst);
}

std::uint32_t AddressCounts::count(const Endpoint& client) const noexcept {
  return static_cast<std::uint32_t>(look(address_hash(client, key_)).sum);
}

}  // namespace sluice::balance
