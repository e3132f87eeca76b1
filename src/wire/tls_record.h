// The frame of a TLS record (RFC 8446 section 5.1, RFC 5246 section 6.2) and the numbers of alerts
// and handshake messages that are met after a handshake.
//
// Pure: bytes to values and back. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace sluice::wire {

inline constexpr std::size_t kRecordHeaderBytes = 5;
inline constexpr std::size_t kMaxPlaintext = 16384;
/// The most that a protected record may be longer than its plaintext: TLS 1.3, TLS 1.2.
inline constexpr std::size_t kMaxExpansion13 = 256;
inline constexpr std::size_t kMaxExpansion12 = 2048;

/// What a record carries; on the wire any byte can stand there.
enum class RecordType : std::uint8_t {
  kChangeCipherSpec = 20,
  kAlert = 21,
  kHandshake = 22,
  kApplicationData = 23,
};

/// Alert descriptions (RFC 8446 section 6) that we send or act on.
enum class Alert : std::uint8_t {
  kCloseNotify = 0,
  kUnexpectedMessage = 10,
  kBadRecordMac = 20,
  kRecordOverflow = 22,
  kDecodeError = 50,
  kProtocolVersion = 70,
  kInternalError = 80,
  kUserCanceled = 90,
  kNoRenegotiation = 100,
};

enum class HandshakeType : std::uint8_t {
  kHelloRequest = 0,
  kClientHello = 1,
  kNewSessionTicket = 4,
  kKeyUpdate = 24,
};

struct RecordHeader {
  RecordType type = RecordType::kApplicationData;
  std::uint16_t version = 0x0303;
  std::uint16_t length = 0;  ///< of what follows the header
};

/// `bytes` holds at least kRecordHeaderBytes.
[[nodiscard]] RecordHeader read_record_header(std::span<const std::byte> bytes) noexcept;
void write_record_header(const RecordHeader& header, std::span<std::byte> to) noexcept;

}  // namespace sluice::wire
