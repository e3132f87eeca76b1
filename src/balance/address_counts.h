// How many sessions each client address has: the memory behind `max_connections_per_ip`.
//
// A fixed number of places in buckets of eight, a cache line each. An address belongs to one
// bucket; a place there is one word, 44 bits that stand for the address and 20 bits of count. The
// hash is keyed anew in every process, so nobody can aim at another's place, and by chance two of a
// million addresses share one with a probability of 1 in 10 million. IPv6 counts by the whole
// address; an IPv4 address and the same one mapped into IPv6 are one.
//
// Any thread; no locks, no allocation after create(). The limit is never exceeded: a count rises by
// compare-and-swap. Two workers that meet a new address at the same instant may give it two places;
// so the sum of all its places counts, and who adds to one looks at the sum once more.
//
// An address that finds its bucket full of others has no place and is refused: with 100,000
// addresses at once that is one in a million, with 500,000 about one in a hundred.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <utility>

#include "sluice/address.h"
#include "sluice/error.h"

namespace sluice::balance {

class AddressCounts {
 public:
  static constexpr std::size_t kPlaces = std::size_t{1} << 20;
  static constexpr std::size_t kWays = 8;
  static constexpr std::uint32_t kMostPerAddress = (1U << 20) - 1;

  /// 8 MiB, which become real memory where they are used. Error where there is no memory.
  [[nodiscard]] static Result<std::unique_ptr<AddressCounts>> create(std::size_t places = kPlaces);
  AddressCounts(const AddressCounts&) = delete;
  AddressCounts& operator=(const AddressCounts&) = delete;

  /// Counts a session of this address unless it has `limit` already: its place, for give_back().
  [[nodiscard]] std::optional<std::uint32_t> take(const Endpoint& client,
                                                  std::uint32_t limit) noexcept;
  void give_back(std::uint32_t place) noexcept;

  /// The sessions of this address.
  [[nodiscard]] std::uint32_t count(const Endpoint& client) const noexcept;

 private:
  struct Freed {
    void operator()(std::uint64_t* places) const noexcept { std::free(places); }
  };
  using Places = std::unique_ptr<std::uint64_t[], Freed>;
  struct Seen {
    std::uint32_t place = 0;
    std::uint64_t word = 0;
  };
  /// What a bucket has for an address.
  struct Found {
    std::uint64_t sum = 0;
    std::optional<Seen> own;   ///< its first place
    std::optional<Seen> free;  ///< the first that counts nobody
  };

  AddressCounts(Places places, std::size_t buckets, std::uint64_t key) noexcept;
  [[nodiscard]] std::size_t bucket_of(std::uint64_t hash) const noexcept;
  [[nodiscard]] Found look(std::uint64_t hash) const noexcept;

  Places places_;
  std::size_t buckets_;  ///< a power of two
  std::uint64_t key_;
};

/// One counted session of an address; gives it back when it goes.
class AddressPlace {
 public:
  AddressPlace() noexcept = default;
  AddressPlace(AddressCounts& counts, std::uint32_t place) noexcept
      : counts_(&counts), place_(place) {}
  AddressPlace(AddressPlace&& other) noexcept
      : counts_(std::exchange(other.counts_, nullptr)), place_(other.place_) {}
  AddressPlace& operator=(AddressPlace&& other) noexcept {
    std::swap(counts_, other.counts_);
    std::swap(place_, other.place_);
    return *this;
  }
  ~AddressPlace() {
    if (counts_ != nullptr) counts_->give_back(place_);
  }

 private:
  AddressCounts* counts_ = nullptr;
  std::uint32_t place_ = 0;
};

}  // namespace sluice::balance
