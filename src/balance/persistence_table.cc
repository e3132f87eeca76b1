#include "balance/persistence_table.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "balance/hash.h"
#include "balance/shared_word.h"
#include "base/random_seed.h"

namespace sluice::balance {
namespace {

constexpr base::milliseconds kTick{20};

/// Looks until somebody who is at work in a bucket must be done; each takes a few nanoseconds.
constexpr int kMostLooks = 64;

std::uint64_t pack(std::uint32_t seen, std::uint32_t server) noexcept {
  return std::uint64_t{seen} << 32 | server;
}
std::uint32_t seen_in(std::uint64_t value) noexcept {
  return static_cast<std::uint32_t>(value >> 32);
}
std::uint32_t server_in(std::uint64_t value) noexcept {
  return static_cast<std::uint32_t>(value);
}

/// Keys are hashes: two of 2^64 are moved to their neighbours, as the places need them.
std::uint64_t usable(std::uint64_t key) noexcept {
  return key < 2 ? key + 2 : key;
}

}  // namespace

Freshness Freshness::at(base::TimePoint now, base::milliseconds limit) noexcept {
  const auto ticks = [](auto time) { return static_cast<std::uint32_t>(time / kTick); };
  const std::uint32_t least = limit > base::milliseconds(0) ? 1 : 0;
  return {ticks(now.time_since_epoch()), std::max(ticks(limit), least)};
}

Result<std::unique_ptr<PersistenceTable>> PersistenceTable::create(std::size_t entries) {
  const std::size_t buckets = buckets_for(entries);
  // calloc(3): large memory comes from the kernel as zeros and is there once it is touched.
  Places places(static_cast<Place*>(std::calloc(buckets * kWays, sizeof(Place))));
  if (!places) {
    return fail("no memory to remember " + std::to_string(entries) +
                    " clients: make persistence_entries smaller",
                ExitCode::kUnavailable);
  }
  return std::unique_ptr<PersistenceTable>(new PersistenceTable(std::move(places), buckets));
}

PersistenceTable::PersistenceTable(Places places, std::size_t buckets)
    : places_(std::move(places)), buckets_(buckets), seed_(base::random_seed()) {}

PersistenceTable::Place* PersistenceTable::bucket_of(std::uint64_t hash) const noexcept {
  return places_.get() + kWays * scale(hash, static_cast<std::uint32_t>(buckets_));
}

/// Room is a free place in the bucket that has more of them, the first one there; without any, the
/// place of the client that came last the longest ago.
PersistenceTable::Look PersistenceTable::look_for(std::uint64_t key,
                                                  Freshness time) const noexcept {
  const std::uint64_t hash = rehash(key ^ seed_);
  const std::array<Place*, 2> buckets{bucket_of(hash), bucket_of(rehash(hash))};
  Look look;
  Look oldest;
  std::uint32_t greatest_age = 0;
  std::size_t most_free = 0;
  for (Place* const bucket : buckets) {
    std::size_t free = 0;
    Place* first_free = nullptr;
    for (std::size_t way = 0; way < kWays; ++way) {
      Place& place = bucket[way];
      const std::uint64_t there = shared(place.key).load(std::memory_order_acquire);
      if (there == key) return {&place};
      if (there == kBusy) look.is_busy = true;
      if (there == kFree && free++ == 0) first_free = &place;
      if (there == kFree || there == kBusy) continue;
      const std::uint64_t value = shared(place.value).load(std::memory_order_acquire);
      const std::uint32_t age = time.age_of(seen_in(value));
      if (oldest.room != nullptr && age <= greatest_age) continue;
      oldest.room = &place;
      oldest.key = there;
      oldest.value = value;
      greatest_age = age;
    }
    if (free > most_free) look.room = first_free;
    most_free = std::max(most_free, free);
  }
  if (look.room != nullptr || look.is_busy) return look;
  return oldest;
}

std::uint32_t PersistenceTable::find(std::uint64_t key, Freshness time) noexcept {
  key = usable(key);
  Place* const place = look_for(key, time).found;
  if (place == nullptr) return kNobody;
  std::uint64_t value = shared(place->value).load(std::memory_order_acquire);
  if (shared(place->key).load(std::memory_order_relaxed) != key) return kNobody;
  if (!time.holds(seen_in(value))) return kNobody;
  const std::uint32_t server = server_in(value);
  // Who loses this has been overtaken by another worker, which notes the same time or a newer one.
  if (seen_in(value) != time.now) {
    shared(place->value)
        .compare_exchange_strong(value, pack(time.now, server), std::memory_order_acq_rel);
  }
  return server;
}

std::uint32_t PersistenceTable::assign(std::uint64_t key, std::uint32_t expected,
                                       std::uint32_t server, Freshness time) noexcept {
  key = usable(key);
  const std::uint64_t wanted = pack(time.now, server);
  for (int looks = 0; looks < kMostLooks; ++looks) {
    const Look look = look_for(key, time);
    if (look.found == nullptr) {
      if (look.room == nullptr || look.is_busy) continue;
      if (settle_in(look, key, wanted, time)) return server;
      continue;
    }
    std::uint64_t value = shared(look.found->value).load(std::memory_order_acquire);
    if (shared(look.found->key).load(std::memory_order_relaxed) != key) continue;
    if (server_in(value) != expected && time.holds(seen_in(value))) return server_in(value);
    if (shared(look.found->value)
            .compare_exchange_strong(value, wanted, std::memory_order_acq_rel)) {
      return server;
    }
  }
  return server;  // not remembered this time
}

bool PersistenceTable::settle_in(const Look& look, std::uint64_t key, std::uint64_t value,
                                 Freshness time) noexcept {
  std::uint64_t there = look.key;
  if (!shared(look.room->key).compare_exchange_strong(there, kBusy, std::memory_order_acq_rel)) {
    return false;
  }
  // Released, so that whoever reads this value also sees that the old key is gone.
  shared(look.room->value).store(value, std::memory_order_release);
  shared(look.room->key).store(key, std::memory_order_release);
  if (look.key == kFree) {
    clients_.fetch_add(1, std::memory_order_relaxed);
  } else if (time.holds(seen_in(look.value))) {
    evictions_.fetch_add(1, std::memory_order_relaxed);
  }
  return true;
}

void PersistenceTable::sweep(Freshness time, std::size_t places) noexcept {
  for (std::size_t i = 0; i < std::min(places, capacity()); ++i) {
    forget_expired(places_.get()[swept_], time);
    swept_ = (swept_ + 1) % capacity();
  }
}

void PersistenceTable::forget_expired(Place& place, Freshness time) noexcept {
  std::uint64_t key = shared(place.key).load(std::memory_order_acquire);
  if (key == kFree || key == kBusy) return;
  if (time.holds(seen_in(shared(place.value).load(std::memory_order_acquire)))) return;
  if (!shared(place.key).compare_exchange_strong(key, kBusy, std::memory_order_acq_rel)) return;
  // It may have come back meanwhile.
  const bool is_back = time.holds(seen_in(shared(place.value).load(std::memory_order_acquire)));
  shared(place.key).store(is_back ? key : kFree, std::memory_order_release);
  if (!is_back) clients_.fetch_sub(1, std::memory_order_relaxed);
}

void PersistenceTable::copy_from(const PersistenceTable& other) noexcept {
  const Freshness time = Freshness::at(base::Clock::now(), base::milliseconds(0));
  for (std::size_t i = 0; i < other.capacity(); ++i) {
    Place& place = other.places_.get()[i];
    const std::uint64_t key = shared(place.key).load(std::memory_order_acquire);
    if (key == kFree || key == kBusy) continue;
    const std::uint64_t value = shared(place.value).load(std::memory_order_acquire);
    const Look look = look_for(key, time);
    if (look.found != nullptr || look.room == nullptr) continue;
    const bool is_newer = time.age_of(seen_in(value)) < time.age_of(seen_in(look.value));
    if (look.key != kFree && !is_newer) continue;
    settle_in(look, key, value, time);
  }
  evictions_.fetch_add(other.evictions(), std::memory_order_relaxed);
}

}  // namespace sluice::balance
