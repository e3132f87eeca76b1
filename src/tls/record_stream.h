// Many TLS records at a time: opened where they lie, and sealed straight from where the plaintext
// lies into the buffer that is sent.
//
// Both sides work on whole records and advance their direction's sequence number with each. What is
// wrong with a record comes back as the alert to send; nothing of such a record is ever given out.
// TLS 1.3 as in RFC 8446 section 5, TLS 1.2 AEADs as in RFC 5246 section 6.2.3.3, RFC 5288, RFC
// 7905. Thread: that of the Aead. Limits: kMaxEmptyRecords empty ones in a row; the number of
// pieces in a list.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "tls/aead.h"
#include "tls/key_schedule.h"
#include "wire/tls_record.h"

namespace sluice::tls {

/// The longest record that may arrive, header included.
inline constexpr std::size_t kMaxRecordBytes =
    wire::kRecordHeaderBytes + wire::kMaxPlaintext + wire::kMaxExpansion12;

/// What sealing adds to a record at the most: header, explicit nonce, inner type or not, tag.
inline constexpr std::size_t kMaxSealOverhead = wire::kRecordHeaderBytes + 8 + kTagBytes;

/// Empty records of application data that may come in a row; OpenSSL's number.
inline constexpr std::uint8_t kMaxEmptyRecords = 32;

/// Records that one AES-GCM key may protect in TLS 1.3: 2^24.5 (RFC 8446 section 5.5), rounded
/// down. A writer takes a new key before; TLS 1.2 has no way to.
inline constexpr std::uint64_t kMaxRecordsPerKey = std::uint64_t{1} << 24;

/// Plaintext within a buffer.
struct Piece {
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
};

/// The plaintext that opening has laid bare, in order.
struct PieceList {
  static constexpr std::uint32_t kCapacity = 64;
  std::uint32_t first = 0;  ///< pieces before it are done with
  std::uint32_t count = 0;
  std::array<Piece, kCapacity> pieces;

  [[nodiscard]] bool is_empty() const noexcept { return first == count; }
  [[nodiscard]] bool is_full() const noexcept { return count == kCapacity; }
  void clear() noexcept { first = count = 0; }
};

/// Why opening stopped.
enum class Opened : std::uint8_t {
  kNeedsMore,  ///< what is left is no whole record
  kFull,       ///< the list has no room for another piece
  kControl,    ///< a record that is no application data: `type` and `body`
  kRefused,    ///< a record that must not be: `alert`
};

class RecordOpener {
 public:
  struct Result {
    Opened what = Opened::kNeedsMore;
    wire::RecordType type = wire::RecordType::kApplicationData;
    std::span<const std::byte> body;
    wire::Alert alert = wire::Alert::kInternalError;
    std::uint32_t plaintext = 0;  ///< bytes added to the list by this call
  };

  /// Opens the records that begin at `buffer[begin]` and lie whole in `buffer`, one after the
  /// other, and moves `begin` behind each. Stops at the first that is no application data.
  Result open(Aead& aead, RecordKeys& keys, std::span<std::byte> buffer, std::uint32_t& begin,
              PieceList& list) noexcept;

  /// Bytes that the record at the beginning of `bytes` lacks; 0: it is whole. Within limits only,
  /// as `open()` would refuse the others.
  [[nodiscard]] static std::size_t missing(std::span<const std::byte> bytes) noexcept;

 private:
  std::uint8_t empty_records_ = 0;
};

/// Seals one record of at most `wire::kMaxPlaintext` bytes of plaintext; `to` has room for
/// kMaxSealOverhead more. Gives the record's length, 0 where OpenSSL failed or the sequence number
/// is used up. `plaintext` does not overlap `to`.
[[nodiscard]] std::size_t seal_record(Aead& aead, RecordKeys& keys, wire::RecordType type,
                                      std::span<const std::byte> plaintext,
                                      std::span<std::byte> to) noexcept;

}  // namespace sluice::tls
