// The buffers of a worker's TLS directions in the user gear.
//
// A direction borrows one only while bytes are in it: as a rule within one turn, longer when its
// sink blocks or a record has come in part. Large ones make few system calls of bulk; small ones
// hold any one record, and serve when the large are lent out. Memory is taken when first needed and
// kept for the next borrower, the warmest first. When the limit or memory runs out `borrow()` gives
// null, the shortage is counted, and the direction waits for one to come back. Thread: its
// worker's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "stats/counters.h"
#include "tls/record_stream.h"

namespace sluice::proxy {

enum class BufferSize : std::uint8_t { kSmall, kLarge };

/// What for. A part of the small ones is kept for sending: else directions that have received could
/// wait for one another's buffers for ever.
enum class BufferUse : std::uint8_t { kReceive, kSend };

/// Bytes that were received, `begin` to `end`, and the plaintext among those before `begin`.
class RecordBuffer {
 public:
  /// Holds the longest record; and what 16 KiB become when they are sealed.
  static constexpr std::uint32_t kSmallBytes = 20 * 1024;
  /// Plaintext to be sealed is read in parts of at most this, so that the records fit.
  static constexpr std::uint32_t kLargePart = 512 * 1024;
  static constexpr std::uint32_t kLargeBytes = kLargePart + kSmallBytes;

  RecordBuffer(BufferSize size, std::unique_ptr<std::byte[]> bytes) noexcept
      : size_(size), bytes_(std::move(bytes)) {}

  [[nodiscard]] BufferSize size() const noexcept { return size_; }
  [[nodiscard]] std::uint32_t capacity() const noexcept {
    return size_ == BufferSize::kLarge ? kLargeBytes : kSmallBytes;
  }
  /// How much plaintext may be read into it, when it is to be sealed into one of the same size.
  [[nodiscard]] std::uint32_t plaintext_capacity() const noexcept {
    return size_ == BufferSize::kLarge ? kLargePart : std::uint32_t{wire::kMaxPlaintext};
  }

  [[nodiscard]] std::span<std::byte> all() noexcept { return {bytes_.get(), capacity()}; }
  [[nodiscard]] std::span<std::byte> filled() noexcept { return all().subspan(begin, end - begin); }
  [[nodiscard]] std::span<std::byte> room() noexcept { return all().subspan(end); }
  [[nodiscard]] bool is_empty() const noexcept { return begin == end && pieces.is_empty(); }
  void clear() noexcept {
    begin = end = 0;
    pieces.clear();
  }

  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  tls::PieceList pieces;

 private:
  BufferSize size_;
  std::unique_ptr<std::byte[]> bytes_;
};

class RecordBuffers {
 public:
  /// Lent at once, by size.
  struct Limits {
    std::uint32_t small = 8192;
    std::uint32_t large = 128;
  };

  explicit RecordBuffers(Limits limits) : limits_{limits.small, limits.large} {}

  /// An empty buffer, or null.
  [[nodiscard]] RecordBuffer* borrow(BufferSize size, BufferUse use) noexcept;
  void give_back(RecordBuffer* buffer) noexcept;

  /// Whether a small one may be borrowed for this.
  [[nodiscard]] bool has_small(BufferUse use) const noexcept {
    const std::uint32_t reserve = use == BufferUse::kReceive ? limits_[0] / 4 : 0;
    return lent_[0].value() + reserve < limits_[0];
  }
  /// So many large ones are lent that none should lie around half empty.
  [[nodiscard]] bool is_scarce() const noexcept { return lent_[1].value() > limits_[1] / 4; }

  [[nodiscard]] std::uint64_t lent() const noexcept { return lent_[0].value() + lent_[1].value(); }
  [[nodiscard]] const stats::Counter& shortages() const noexcept { return shortages_; }

 private:
  std::array<std::uint32_t, 2> limits_;
  std::array<std::vector<std::unique_ptr<RecordBuffer>>, 2> idle_;
  std::array<stats::Counter, 2> lent_;
  stats::Counter shortages_;
};

}  // namespace sluice::proxy
