#include "tls/record_stream.h"

#include <algorithm>
#include <limits>

#include "base/assert.h"

namespace sluice::tls {
namespace {

using wire::Alert;
using wire::RecordHeader;
using wire::RecordType;

constexpr std::size_t kExplicitBytes = 8;
constexpr std::uint16_t kWireVersion = 0x0303;  // of both versions' records
constexpr std::uint64_t kLastSequence = std::numeric_limits<std::uint64_t>::max();

template <typename Byte>
void put_u64(std::uint64_t value, Byte* to) noexcept {
  for (int i = 7; i >= 0; --i, value >>= 8) to[i] = static_cast<Byte>(value & 0xff);
}

/// RFC 8446 section 5.3; RFC 7905 section 2 says the same for ChaCha20-Poly1305 in TLS 1.2.
Nonce sequence_nonce(const RecordKeys& keys) noexcept {
  Nonce nonce = keys.iv;
  std::uint64_t left = keys.sequence;
  for (std::size_t i = kIvBytes; left != 0; left >>= 8) {
    --i;
    nonce[i] = static_cast<std::uint8_t>(nonce[i] ^ (left & 0xff));
  }
  return nonce;
}

/// RFC 5288 section 3.
Nonce explicit_nonce(const RecordKeys& keys, std::span<const std::byte, kExplicitBytes> part) {
  Nonce nonce = keys.iv;
  std::transform(part.begin(), part.end(), nonce.begin() + kSaltBytes,
                 [](std::byte byte) { return std::to_integer<std::uint8_t>(byte); });
  return nonce;
}

/// What TLS 1.2 authenticates beside the record: number, type, version, length of the plaintext.
std::array<std::byte, 13> additional_data(const RecordKeys& keys, RecordType type,
                                          std::size_t length) noexcept {
  std::array<std::byte, 13> data;
  put_u64(keys.sequence, data.data());
  wire::write_record_header({type, kWireVersion, static_cast<std::uint16_t>(length)},
                            std::span(data).subspan(8));
  return data;
}

constexpr std::size_t max_body(Version version) noexcept {
  return wire::kMaxPlaintext +
         (version == Version::kTls13 ? wire::kMaxExpansion13 : wire::kMaxExpansion12);
}

/// One record taken apart, or the alert that it deserves.
struct OpenRecord {
  bool is_good = false;
  Alert alert = Alert::kBadRecordMac;
  RecordType type = RecordType::kApplicationData;
  std::span<std::byte> plaintext;
};

OpenRecord refuse_record(Alert alert) noexcept {
  return {false, alert, {}, {}};
}

OpenRecord open13(Aead& aead, RecordKeys& keys, std::span<std::byte> record,
                  const RecordHeader& header) noexcept {
  if (header.type != RecordType::kApplicationData) return refuse_record(Alert::kUnexpectedMessage);
  const auto body = record.subspan(wire::kRecordHeaderBytes);
  if (body.size() <= kTagBytes) return refuse_record(Alert::kBadRecordMac);
  if (!aead.open(keys, sequence_nonce(keys), record.first(wire::kRecordHeaderBytes), body)) {
    return refuse_record(Alert::kBadRecordMac);
  }
  // The type is the last byte that is not padding.
  std::size_t end = body.size() - kTagBytes;
  while (end > 0 && body[end - 1] == std::byte{0}) --end;
  if (end == 0) return refuse_record(Alert::kUnexpectedMessage);
  const auto plaintext = body.first(end - 1);
  if (plaintext.size() > wire::kMaxPlaintext) return refuse_record(Alert::kRecordOverflow);
  return {true, {}, static_cast<RecordType>(body[end - 1]), plaintext};
}

OpenRecord open12(Aead& aead, RecordKeys& keys, std::span<std::byte> record,
                  const RecordHeader& header) noexcept {
  const bool is_explicit = has_explicit_nonce(keys.version, keys.cipher);
  const std::size_t prefix = is_explicit ? kExplicitBytes : 0;
  auto body = record.subspan(wire::kRecordHeaderBytes);
  if (body.size() < prefix + kTagBytes) return refuse_record(Alert::kBadRecordMac);
  const Nonce nonce =
      is_explicit ? explicit_nonce(keys, body.first<kExplicitBytes>()) : sequence_nonce(keys);
  body = body.subspan(prefix);
  const std::size_t length = body.size() - kTagBytes;
  if (length > wire::kMaxPlaintext) return refuse_record(Alert::kRecordOverflow);
  if (!aead.open(keys, nonce, additional_data(keys, header.type, length), body)) {
    return refuse_record(Alert::kBadRecordMac);
  }
  return {true, {}, header.type, body.first(length)};
}

OpenRecord open_one(Aead& aead, RecordKeys& keys, std::span<std::byte> record,
                    const RecordHeader& header) noexcept {
  if (keys.sequence == kLastSequence) return refuse_record(Alert::kInternalError);
  const OpenRecord opened = keys.version == Version::kTls13 ? open13(aead, keys, record, header)
                                                            : open12(aead, keys, record, header);
  ++keys.sequence;
  return opened;
}

}  // namespace

std::size_t RecordOpener::missing(std::span<const std::byte> bytes) noexcept {
  if (bytes.size() < wire::kRecordHeaderBytes) return wire::kRecordHeaderBytes - bytes.size();
  const std::size_t whole = wire::kRecordHeaderBytes + wire::read_record_header(bytes).length;
  return std::min(whole, kMaxRecordBytes) -
         std::min(bytes.size(), std::min(whole, kMaxRecordBytes));
}

RecordOpener::Result RecordOpener::open(Aead& aead, RecordKeys& keys, std::span<std::byte> buffer,
                                        std::uint32_t& begin, PieceList& list) noexcept {
  Result result;
  while (!list.is_full()) {
    const auto rest = buffer.subspan(begin);
    if (rest.size() < wire::kRecordHeaderBytes) return result;
    const RecordHeader header = wire::read_record_header(rest);
    const auto refuse_all = [&](Alert alert) {
      result.what = Opened::kRefused;
      result.alert = alert;
      return result;
    };
    if (header.version != kWireVersion) return refuse_all(Alert::kProtocolVersion);
    if (header.length > max_body(keys.version)) return refuse_all(Alert::kRecordOverflow);
    const std::size_t size = wire::kRecordHeaderBytes + header.length;
    if (rest.size() < size) return result;
    const OpenRecord record = open_one(aead, keys, rest.first(size), header);
    if (!record.is_good) return refuse_all(record.alert);
    begin += static_cast<std::uint32_t>(size);
    const auto length = static_cast<std::uint32_t>(record.plaintext.size());
    if (record.type != RecordType::kApplicationData) {
      result.what = Opened::kControl;
      result.type = record.type;
      result.body = record.plaintext;
      return result;
    }
    empty_records_ = length == 0 ? static_cast<std::uint8_t>(empty_records_ + 1) : std::uint8_t{0};
    if (empty_records_ > kMaxEmptyRecords) return refuse_all(Alert::kUnexpectedMessage);
    if (length == 0) continue;
    list.pieces[list.count++] = {
        static_cast<std::uint32_t>(record.plaintext.data() - buffer.data()), length};
    result.plaintext += length;
  }
  result.what = Opened::kFull;
  return result;
}

std::size_t seal_record(Aead& aead, RecordKeys& keys, RecordType type,
                        std::span<const std::byte> plaintext, std::span<std::byte> to) noexcept {
  SLUICE_ASSERT(plaintext.size() <= wire::kMaxPlaintext);
  SLUICE_ASSERT(to.size() >= plaintext.size() + kMaxSealOverhead);
  if (keys.sequence == kLastSequence) return 0;
  const bool is_13 = keys.version == Version::kTls13;
  const bool is_explicit = has_explicit_nonce(keys.version, keys.cipher);
  const std::size_t prefix = is_explicit ? kExplicitBytes : 0;
  const std::size_t body = prefix + plaintext.size() + (is_13 ? 1 : 0) + kTagBytes;
  wire::write_record_header(
      {is_13 ? RecordType::kApplicationData : type, kWireVersion, static_cast<std::uint16_t>(body)},
      to);
  std::byte* out = to.data() + wire::kRecordHeaderBytes;
  bool is_done = false;
  if (is_13) {
    const std::array<std::byte, 1> inner_type = {static_cast<std::byte>(type)};
    is_done = aead.seal(keys, sequence_nonce(keys), to.first(wire::kRecordHeaderBytes),
                        {plaintext, inner_type}, out);
  } else {
    if (is_explicit) put_u64(keys.explicit_nonce++, out);
    const Nonce nonce =
        is_explicit ? explicit_nonce(keys, std::span<const std::byte, kExplicitBytes>(out, 8))
                    : sequence_nonce(keys);
    is_done = aead.seal(keys, nonce, additional_data(keys, type, plaintext.size()), {plaintext, {}},
                        out + prefix);
  }
  ++keys.sequence;
  return is_done ? wire::kRecordHeaderBytes + body : 0;
}

}  // namespace sluice::tls
