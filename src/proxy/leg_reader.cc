#include "proxy/leg_reader.h"

#include <algorithm>

#include "tls/record_stream.h"

namespace sluice::proxy {

LegReader::What LegReader::feed(tls::Aead& aead, std::span<const std::byte>& bytes,
                                base::TimePoint now) noexcept {
  if (record_.begin == record_.end) record_.clear();
  fill(bytes);
  // A header is enough to refuse a record.
  if (record_.filled().size() < wire::kRecordHeaderBytes) return What::kNothing;
  switch (leg_.open(aead, record_, now).what) {
    case SecureLeg::Opened::kEnded:
      return What::kEnded;
    case SecureLeg::Opened::kFailed:
      return What::kFailed;
    case SecureLeg::Opened::kNeedsMore:
    case SecureLeg::Opened::kFull:
      break;
  }
  return record_.pieces.is_empty() ? What::kNothing : What::kPlaintext;
}

void LegReader::fill(std::span<const std::byte>& bytes) noexcept {
  while (!bytes.empty()) {
    const std::size_t missing = tls::RecordOpener::missing(record_.filled());
    if (missing == 0) return;
    const auto part = bytes.first(std::min(missing, bytes.size()));
    std::copy(part.begin(), part.end(), record_.room().begin());
    record_.end += static_cast<std::uint32_t>(part.size());
    bytes = bytes.subspan(part.size());
  }
}

std::span<const std::byte> LegReader::plaintext() noexcept {
  const tls::Piece piece = record_.pieces.pieces.front();
  return record_.all().subspan(piece.offset, piece.length);
}

}  // namespace sluice::proxy
