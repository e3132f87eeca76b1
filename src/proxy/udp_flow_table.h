// Finds the flow of a client by its address and port and the address it spoke to.
//
// A chained hash whose links are in the flows; it doubles when it holds as many flows as buckets
// and never shrinks, so it costs at most 16 bytes for each flow of its busiest time. The hash is
// seeded at random: nobody outside can aim at one bucket. Thread: its worker's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sluice/address.h"

namespace sluice::proxy {

/// Who speaks to whom. `local` is unspecified on listeners of one address.
struct FlowKey {
  Endpoint client;
  Endpoint local;

  friend bool operator==(const FlowKey&, const FlowKey&) noexcept = default;
};

/// What the table needs of a flow.
class FlowEntry {
 public:
  explicit FlowEntry(const FlowKey& key) noexcept : key_(key) {}
  FlowEntry(const FlowEntry&) = delete;
  FlowEntry& operator=(const FlowEntry&) = delete;

  [[nodiscard]] const FlowKey& key() const noexcept { return key_; }

 protected:
  ~FlowEntry() = default;

 private:
  friend class UdpFlowTable;
  FlowKey key_;
  std::uint64_t hash_ = 0;
  FlowEntry* next_ = nullptr;
};

class UdpFlowTable {
 public:
  UdpFlowTable();

  /// Null where there is none.
  [[nodiscard]] FlowEntry* find(const FlowKey& key) const noexcept;
  /// The key must not be in the table.
  void insert(FlowEntry& entry);
  /// Nothing happens when the entry is not in the table.
  void remove(FlowEntry& entry) noexcept;

  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  [[nodiscard]] std::uint64_t hash_of(const FlowKey& key) const noexcept;
  [[nodiscard]] std::size_t bucket_of(std::uint64_t hash) const noexcept {
    return static_cast<std::size_t>(hash) & (buckets_.size() - 1);
  }
  void grow();

  std::vector<FlowEntry*> buckets_;  ///< a power of two of them
  std::size_t size_ = 0;
  std::uint64_t seed_;
};

}  // namespace sluice::proxy
