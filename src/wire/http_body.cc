#include "wire/http_body.h"

#include <algorithm>

namespace sluice::wire {
namespace {

/// Digits of a size that 64 bits hold with room to spare.
constexpr std::uint8_t kMaxDigits = 15;

int hexadecimal(char letter) noexcept {
  if (letter >= '0' && letter <= '9') return letter - '0';
  const char lower = static_cast<char>(letter | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool is_control(char letter) noexcept {
  return (static_cast<unsigned char>(letter) < 0x20 && letter != '\t') || letter == 0x7f;
}

}  // namespace

void BodyReader::begin(const RequestHead& head) noexcept {
  left_ = head.body == BodyKind::kLength ? head.length : 0;
  line_ = 0;
  digits_ = 0;
  place_ = head.body == BodyKind::kChunked ? Place::kSize : Place::kData;
  const bool is_over = place_ == Place::kData && left_ == 0;
  status_ = is_over ? Status::kComplete : Status::kIncomplete;
}

std::size_t BodyReader::feed(std::span<const std::byte> bytes) noexcept {
  std::size_t taken = 0;
  while (taken < bytes.size() && status_ == Status::kIncomplete) {
    if (place_ != Place::kData && place_ != Place::kChunk) {
      take(static_cast<char>(bytes[taken++]));
      continue;
    }
    const auto part = std::min<std::uint64_t>(left_, bytes.size() - taken);
    taken += static_cast<std::size_t>(part);
    left_ -= part;
    if (left_ > 0) continue;
    if (place_ == Place::kData) {
      status_ = Status::kComplete;
    } else {
      place_ = Place::kChunkCr;
    }
  }
  return taken;
}

void BodyReader::take(char letter) noexcept {
  switch (place_) {
    case Place::kSize:
      return take_size(letter);
    case Place::kExtension:
      if (letter == '\r') {
        place_ = Place::kSizeLf;
      } else if (is_control(letter) || ++line_ > kMaxChunkLine) {
        refuse();
      }
      return;
    case Place::kSizeLf:
      return letter == '\n' ? end_size_line() : refuse();
    case Place::kChunkCr:
      return expect(letter, '\r', Place::kChunkLf);
    case Place::kChunkLf:
      digits_ = 0;
      line_ = 0;
      return expect(letter, '\n', Place::kSize);
    case Place::kTrailerStart:
      if (letter == '\r') {
        place_ = Place::kLastLf;
        return;
      }
      if (letter == ' ' || letter == '\t') return refuse();
      [[fallthrough]];
    case Place::kTrailer:
      place_ = letter == '\r' ? Place::kTrailerLf : Place::kTrailer;
      if ((letter != '\r' && is_control(letter)) || ++line_ > kMaxTrailers) refuse();
      return;
    case Place::kTrailerLf:
      return expect(letter, '\n', Place::kTrailerStart);
    case Place::kLastLf:
      status_ = letter == '\n' ? Status::kComplete : Status::kInvalid;
      return;
    case Place::kData:
    case Place::kChunk:
      return;
  }
}

void BodyReader::take_size(char letter) noexcept {
  if (const int digit = hexadecimal(letter); digit >= 0) {
    left_ = left_ * 16 + static_cast<std::uint64_t>(digit);
    if (++digits_ > kMaxDigits) refuse();
    return;
  }
  if (digits_ == 0) return refuse();
  if (letter == '\r') {
    place_ = Place::kSizeLf;
  } else if (letter == ';' || letter == ' ' || letter == '\t') {
    place_ = Place::kExtension;
  } else {
    refuse();
  }
}

void BodyReader::end_size_line() noexcept {
  line_ = 0;
  place_ = left_ == 0 ? Place::kTrailerStart : Place::kChunk;
}

void BodyReader::expect(char letter, char wanted, Place next) noexcept {
  if (letter != wanted) return refuse();
  place_ = next;
}

}  // namespace sluice::wire
