// Where the body of an HTTP/1.1 request ends (RFC 9112 section 6 and 7.1).
//
// Counts; keeps no byte. Strict about chunks: sizes in hexadecimal without anything before them,
// lines that end with CR LF, no control characters. Pure; any thread. Limits: `kMaxChunkLine` for
// each size line and each trailer line, `kMaxTrailers` for all trailers together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "wire/http_head.h"

namespace sluice::wire {

class BodyReader {
 public:
  static constexpr std::size_t kMaxChunkLine = 4096;
  static constexpr std::size_t kMaxTrailers = 16384;

  enum class Status : std::uint8_t { kIncomplete, kComplete, kInvalid };

  /// The body that follows this head.
  void begin(const RequestHead& head) noexcept;

  /// How many of the bytes belong to the body. Takes nothing once it is other than kIncomplete.
  std::size_t feed(std::span<const std::byte> bytes) noexcept;

  [[nodiscard]] Status status() const noexcept { return status_; }

 private:
  enum class Place : std::uint8_t {
    kData,       ///< of known length
    kSize,       ///< digits of a chunk's size
    kExtension,  ///< what follows them, which means nothing to us
    kSizeLf,     ///< the LF of that line
    kChunk,      ///< a chunk's data
    kChunkCr,    ///< and the line end behind it
    kChunkLf,
    kTrailerStart,
    kTrailer,
    kTrailerLf,
    kLastLf,
  };

  void take(char letter) noexcept;
  void take_size(char letter) noexcept;
  void expect(char letter, char wanted, Place next) noexcept;
  void end_size_line() noexcept;
  void refuse() noexcept { status_ = Status::kInvalid; }

  std::uint64_t left_ = 0;  ///< of the data or the chunk
  std::size_t line_ = 0;    ///< bytes of the size line, or of the trailers
  std::uint8_t digits_ = 0;
  Place place_ = Place::kData;
  Status status_ = Status::kComplete;
};

}  // namespace sluice::wire
