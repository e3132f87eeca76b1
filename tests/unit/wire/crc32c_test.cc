// The check values of RFC 3720, appendix B.4.
#include "wire/crc32c.h"

#include <gtest/gtest.h>

#include <array>
#include <string_view>

namespace sluice::wire {
namespace {

TEST(Crc32c, GivesThePublishedValues) {
  std::array<std::byte, 32> bytes{};
  EXPECT_EQ(crc32c(0, bytes), 0x8a9136aaU);
  bytes.fill(std::byte{0xff});
  EXPECT_EQ(crc32c(0, bytes), 0x62a8ab43U);
  for (std::size_t place = 0; place < bytes.size(); ++place) bytes[place] = std::byte(place);
  EXPECT_EQ(crc32c(0, bytes), 0x46dd794eU);
}

TEST(Crc32c, ContinuesWhereItEnded) {
  constexpr std::string_view kText = "123456789";
  const auto bytes = std::as_bytes(std::span(kText));
  EXPECT_EQ(crc32c(0, bytes), 0xe3069283U);
  EXPECT_EQ(crc32c(crc32c(0, bytes.first(4)), bytes.subspan(4)), 0xe3069283U);
}

}  // namespace
}  // namespace sluice::wire
