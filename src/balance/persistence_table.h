// Which server a client was sent to last: the memory behind `persistence`.
//
// A fixed number of places, in buckets of eight. A client has two buckets, by its key; it is in one
// place of one of them or nowhere. Where both are full, the client that came last the longest ago
// makes room: an expired one without a loss, a fresh one as an eviction, which is counted. So the
// memory is bounded whatever clients do, and a busy table still remembers those that come often.
//
// Any thread; no locks, no allocation after create(). A place is two words, the key and what is
// known. Whoever puts another client there takes the key away first (kBusy), so a reader that finds
// the same key before and after the value has read that client's value. Workers that see a new
// client at the same instant want the same place: one gets it, the others find what it has written.
// Only where a third client changes the bucket in between can a client be remembered twice, for
// which the first place then counts.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "base/clock.h"
#include "sluice/error.h"

namespace sluice::balance {

/// What time it is, and how long a client is remembered after it last came. In ticks of 20 ms, the
/// precision of expiry; a comparison is right for 497 days.
struct Freshness {
  std::uint32_t now = 0;
  std::uint32_t limit = 0;  ///< 0 = for ever

  [[nodiscard]] static Freshness at(base::TimePoint now, base::milliseconds limit) noexcept;
  /// Ticks since then; 0 for what another worker, whose clock is a little ahead, has just seen.
  [[nodiscard]] std::uint32_t age_of(std::uint32_t seen) const noexcept {
    return static_cast<std::int32_t>(now - seen) < 0 ? 0 : now - seen;
  }
  [[nodiscard]] bool holds(std::uint32_t seen) const noexcept {
    return limit == 0 || age_of(seen) <= limit;
  }
};

class PersistenceTable {
 public:
  static constexpr std::size_t kWays = 8;
  static constexpr std::uint32_t kNobody = 0;

  /// Places for so many clients, rounded up to whole buckets: 16 bytes each, which become real
  /// memory when they are used. Error where there is no memory.
  [[nodiscard]] static Result<std::unique_ptr<PersistenceTable>> create(std::size_t entries);
  PersistenceTable(const PersistenceTable&) = delete;
  PersistenceTable& operator=(const PersistenceTable&) = delete;

  [[nodiscard]] std::size_t capacity() const noexcept { return buckets_ * kWays; }
  /// Whether create() would make one of this size.
  [[nodiscard]] bool is_for(std::size_t entries) const noexcept {
    return buckets_ == buckets_for(entries);
  }

  /// The number of the client's server, kNobody where it is not remembered; it has come now.
  [[nodiscard]] std::uint32_t find(std::uint64_t key, Freshness time) noexcept;

  /// Remembers `server`, a number other than kNobody, for the client. Gives the number that is
  /// remembered now: another one where the table has had neither `expected` nor nothing, because
  /// another worker was first.
  std::uint32_t assign(std::uint64_t key, std::uint32_t expected, std::uint32_t server,
                       Freshness time) noexcept;

  /// Forgets expired clients in the next so many places of the table. Control thread.
  void sweep(Freshness time, std::size_t places) noexcept;

  /// Takes in what another table remembers, as far as there is room, and its counters. Before it
  /// is used.
  void copy_from(const PersistenceTable& other) noexcept;

  /// Clients remembered, expired ones that were not swept yet included.
  [[nodiscard]] std::uint64_t clients() const noexcept {
    return clients_.load(std::memory_order_relaxed);
  }
  /// Clients that were forgotten before they expired, to make room for others.
  [[nodiscard]] std::uint64_t evictions() const noexcept {
    return evictions_.load(std::memory_order_relaxed);
  }

 private:
  static constexpr std::uint64_t kFree = 0;
  static constexpr std::uint64_t kBusy = 1;

  struct Place {
    std::uint64_t key;
    std::uint64_t value;  ///< when the client came last, and its server's number
  };
  struct Release {
    void operator()(Place* places) const noexcept { std::free(places); }
  };
  using Places = std::unique_ptr<Place, Release>;

  /// What a look into a client's buckets has found.
  struct Look {
    Place* found = nullptr;
    bool is_busy = false;       ///< somebody is at work in a place: it may become this client's
    Place* room = nullptr;      ///< where the client goes if it is not found
    std::uint64_t key = kFree;  ///< what was there
    std::uint64_t value = 0;
  };

  PersistenceTable(Places places, std::size_t buckets);

  [[nodiscard]] static std::size_t buckets_for(std::size_t entries) noexcept {
    return entries == 0 ? 1 : (entries + kWays - 1) / kWays;
  }
  [[nodiscard]] Place* bucket_of(std::uint64_t hash) const noexcept;
  [[nodiscard]] Look look_for(std::uint64_t key, Freshness time) const noexcept;
  bool settle_in(const Look& look, std::uint64_t key, std::uint64_t value, Freshness time) noexcept;
  void forget_expired(Place& place, Freshness time) noexcept;

  Places places_;
  std::size_t buckets_;
  std::uint64_t seed_;  ///< so that nobody can aim at a bucket
  std::size_t swept_ = 0;
  alignas(64) std::atomic<std::uint64_t> clients_{0};
  std::atomic<std::uint64_t> evictions_{0};
};

}  // namespace sluice::balance
