#include "wire/tls_record.h"

namespace sluice::wire {

RecordHeader read_record_header(std::span<const std::byte> bytes) noexcept {
  const auto at = [&](std::size_t i) { return std::to_integer<unsigned>(bytes[i]); };
  return {static_cast<RecordType>(at(0)), static_cast<std::uint16_t>(at(1) << 8 | at(2)),
          static_cast<std::uint16_t>(at(3) << 8 | at(4))};
}

void write_record_header(const RecordHeader& header, std::span<std::byte> to) noexcept {
  to[0] = static_cast<std::byte>(header.type);
  to[1] = static_cast<std::byte>(header.version >> 8);
  to[2] = static_cast<std::byte>(header.version & 0xff);
  to[3] = static_cast<std::byte>(header.length >> 8);
  to[4] = static_cast<std::byte>(header.length & 0xff);
}

}  // namespace sluice::wire
