#include "proxy/udp_flow_table.h"

#define XXH_INLINE_ALL  // NOLINT(readability-identifier-naming): xxHash's
#include <xxhash.h>

#include "base/assert.h"
#include "base/random_seed.h"

namespace sluice::proxy {
namespace {

constexpr std::size_t kFirstBuckets = 64;

}  // namespace

UdpFlowTable::UdpFlowTable() : buckets_(kFirstBuckets), seed_(base::random_seed()) {}

std::uint64_t UdpFlowTable::hash_of(const FlowKey& key) const noexcept {
  const std::uint64_t client = XXH3_64bits_withSeed(key.client.data(), key.client.size(), seed_);
  if (!key.local.is_specified()) return client;
  return XXH3_64bits_withSeed(key.local.data(), key.local.size(), client);
}

FlowEntry* UdpFlowTable::find(const FlowKey& key) const noexcept {
  const std::uint64_t hash = hash_of(key);
  FlowEntry* entry = buckets_[bucket_of(hash)];
  while (entry != nullptr && (entry->hash_ != hash || !(entry->key_ == key))) entry = entry->next_;
  return entry;
}

void UdpFlowTable::insert(FlowEntry& entry) {
  if (size_ == buckets_.size()) grow();
  entry.hash_ = hash_of(entry.key_);
  FlowEntry*& bucket = buckets_[bucket_of(entry.hash_)];
  entry.next_ = bucket;
  bucket = &entry;
  ++size_;
}

void UdpFlowTable::remove(FlowEntry& entry) noexcept {
  FlowEntry** link = &buckets_[bucket_of(entry.hash_)];
  while (*link != nullptr && *link != &entry) link = &(*link)->next_;
  if (*link == nullptr) return;
  *link = entry.next_;
  --size_;
}

void UdpFlowTable::grow() {
  std::vector<FlowEntry*> before(buckets_.size() * 2);
  before.swap(buckets_);
  for (FlowEntry* entry : before) {
    while (entry != nullptr) {
      FlowEntry* next = entry->next_;
      FlowEntry*& bucket = buckets_[bucket_of(entry->hash_)];
      entry->next_ = bucket;
      bucket = entry;
      entry = next;
    }
  }
}

}  // namespace sluice::proxy
