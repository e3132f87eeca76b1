#include "wire/tls_record.h"

#include <gtest/gtest.h>

#include <array>

namespace sluice::wire {
namespace {

TEST(TlsRecord, ReadsWhatItWrites) {
  std::array<std::byte, kRecordHeaderBytes> bytes;
  write_record_header({RecordType::kAlert, 0x0301, 0x1234}, bytes);
  EXPECT_EQ(bytes[0], std::byte{21});
  EXPECT_EQ(bytes[3], std::byte{0x12});
  const RecordHeader header = read_record_header(bytes);
  EXPECT_EQ(header.type, RecordType::kAlert);
  EXPECT_EQ(header.version, 0x0301);
  EXPECT_EQ(header.length, 0x1234);
}

}  // namespace
}  // namespace sluice::wire
