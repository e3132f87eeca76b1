#include "wire/proxy_header.h"

#include <gtest/gtest.h>

#include <fstream>
#include <ostream>
#include <sstream>
#include <string>
#include <vector>

#include "wire/ip_text.h"

namespace sluice::wire {
namespace {

using Bytes = std::vector<std::byte>;

struct Vector {
  std::string name;
  std::string verdict;
  std::string addresses;
  Bytes bytes;
};

std::ostream& operator<<(std::ostream& out, const Vector& vector) {
  return out << vector.name;
}

Bytes bytes_of_hex(const std::string& hex) {
  Bytes bytes;
  for (std::size_t place = 0; place + 1 < hex.size(); place += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(hex.substr(place, 2), nullptr, 16)));
  }
  return bytes;
}

std::vector<Vector> read_vectors() {
  std::ifstream file(PROXY_HEADERS);
  std::vector<Vector> vectors;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream words(line);
    Vector vector;
    std::string hex;
    words >> vector.name >> vector.verdict >> vector.addresses >> hex;
    vector.bytes = bytes_of_hex(hex);
    vectors.push_back(vector);
  }
  return vectors;
}

std::string text_of(ProxyVerdict verdict) {
  switch (verdict) {
    case ProxyVerdict::kComplete:
      return "valid";
    case ProxyVerdict::kInvalid:
      return "invalid";
    case ProxyVerdict::kIncomplete:
      return "incomplete";
  }
  return "?";
}

/// `[2001:db8::1]:443` as the table writes it, taken apart again.
void expect_address(const ProxyAddress& address, std::string text) {
  const auto colon = text.rfind(':');
  EXPECT_EQ(std::to_string(address.port), text.substr(colon + 1));
  text.resize(colon);
  if (text.front() == '[') {
    const auto ip = parse_ipv6(text.substr(1, text.size() - 2));
    ASSERT_TRUE(ip.has_value());
    EXPECT_EQ(address.ip, *ip);
  } else {
    EXPECT_EQ(ip_text(std::span(address.ip).first(4)), text);
  }
}

class ProxyHeaders : public testing::TestWithParam<Vector> {};

INSTANTIATE_TEST_SUITE_P(Table, ProxyHeaders, testing::ValuesIn(read_vectors()),
                         [](const auto& vector) { return vector.param.name; });

TEST_P(ProxyHeaders, GetTheVerdictOfTheTable) {
  const Vector& vector = GetParam();
  const ProxyReading reading = read_proxy_header(vector.bytes);
  ASSERT_EQ(text_of(reading.verdict), vector.verdict);
  if (vector.verdict != "valid") return;
  EXPECT_EQ(reading.size, vector.bytes.size());
  if (vector.addresses == "-") {
    EXPECT_EQ(reading.header.family, ProxyFamily::kNone);
    return;
  }
  const auto middle = vector.addresses.find('>');
  expect_address(reading.header.source, vector.addresses.substr(0, middle));
  expect_address(reading.header.destination, vector.addresses.substr(middle + 1));
}

TEST_P(ProxyHeaders, GetTheSameVerdictByteByByte) {
  const Vector& vector = GetParam();
  for (std::size_t count = 0; count < vector.bytes.size(); ++count) {
    const auto part = std::span(vector.bytes).first(count);
    const ProxyVerdict verdict = read_proxy_header(part).verdict;
    if (vector.verdict == "invalid" && verdict == ProxyVerdict::kInvalid) return;
    EXPECT_EQ(verdict, ProxyVerdict::kIncomplete) << count;
  }
}

TEST_P(ProxyHeaders, AreTakenApartFromWhatFollows) {
  const Vector& vector = GetParam();
  if (vector.verdict != "valid") return;
  Bytes more = vector.bytes;
  more.resize(more.size() + 500, std::byte{0x0d});
  const ProxyReading reading = read_proxy_header(more);
  EXPECT_EQ(text_of(reading.verdict), "valid");
  EXPECT_EQ(reading.size, vector.bytes.size());
}

TEST(ProxyHeaderTable, IsNotEmpty) {
  EXPECT_GE(read_vectors().size(), 40U);
}

ProxyHeader sample(ProxyFamily family) {
  ProxyHeader header;
  header.family = family;
  header.source = {{192, 0, 2, 1}, 40000};
  header.destination = {{198, 51, 100, 2}, 443};
  if (family == ProxyFamily::kIpv6) header.source.ip[15] = header.destination.ip[15] = 9;
  header.authority = "shop.example.com";
  header.alpn = "h2";
  header.unique_id = "41";
  return header;
}

TEST(WriteProxyHeader, Version1IsReadBack) {
  for (const ProxyFamily family : {ProxyFamily::kNone, ProxyFamily::kIpv4, ProxyFamily::kIpv6}) {
    const ProxyHeader header = sample(family);
    const Bytes bytes = write_proxy_v1(header);
    const ProxyReading reading = read_proxy_header(bytes);
    ASSERT_EQ(text_of(reading.verdict), "valid");
    EXPECT_EQ(reading.size, bytes.size());
    EXPECT_LE(bytes.size(), 107U);
    EXPECT_EQ(reading.header.family, family);
    if (family == ProxyFamily::kNone) continue;
    EXPECT_EQ(reading.header.source, header.source);
    EXPECT_EQ(reading.header.destination, header.destination);
  }
}

TEST(WriteProxyHeader, Version2IsReadBackWithItsExtensions) {
  const ProxyTls tls{"TLSv1.3", "TLS_AES_128_GCM_SHA256"};
  for (const ProxyFamily family : {ProxyFamily::kNone, ProxyFamily::kIpv4, ProxyFamily::kIpv6}) {
    const ProxyHeader header = sample(family);
    const Bytes bytes = write_proxy_v2(header, &tls);
    const ProxyReading reading = read_proxy_header(bytes);
    ASSERT_EQ(text_of(reading.verdict), "valid");
    EXPECT_EQ(reading.size, bytes.size());
    EXPECT_EQ(reading.header.family, family);
    EXPECT_EQ(reading.header.authority, header.authority);
    EXPECT_EQ(reading.header.alpn, header.alpn);
    EXPECT_EQ(reading.header.unique_id, header.unique_id);
    if (family == ProxyFamily::kNone) continue;
    EXPECT_EQ(reading.header.source, header.source);
    EXPECT_EQ(reading.header.destination, header.destination);
  }
}

TEST(WriteProxyHeader, ADatagramsHeaderDiffersInItsKindAndChecksumOnly) {
  for (const ProxyFamily family : {ProxyFamily::kIpv4, ProxyFamily::kIpv6}) {
    ProxyHeader header = sample(family);
    const Bytes stream = write_proxy_v2(header, nullptr);
    header.transport = ProxyTransport::kDatagram;
    const Bytes datagram = write_proxy_v2(header, nullptr);
    ASSERT_EQ(datagram.size(), stream.size());
    EXPECT_EQ(datagram[13], family == ProxyFamily::kIpv4 ? std::byte{0x12} : std::byte{0x22});
    for (std::size_t place = 0; place + 4 < stream.size(); ++place) {
      if (place == 13) continue;
      EXPECT_EQ(datagram[place], stream[place]) << place;
    }
    EXPECT_EQ(text_of(read_proxy_header(datagram).verdict), "valid") << "the checksum is right";
  }
}

/// The value of the TLS extension that is written for a connection like this.
std::string tls_extension(const ProxyTls& tls) {
  ProxyHeader header;
  const Bytes bytes = write_proxy_v2(header, &tls);
  const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  EXPECT_EQ(text[16], '\x20');
  return text.substr(19, text.size() - 19 - 7);
}

TEST(WriteProxyHeader, TellsOfTheClientsCertificate) {
  using namespace std::string_view_literals;
  const std::string rest = std::string("\x21\0\x07TLSv1.3"sv);
  const std::string cipher = std::string("\x23\0\x01X"sv);
  EXPECT_EQ(tls_extension({"TLSv1.3", "X"}), std::string("\x01\0\0\0\x01"sv) + rest + cipher);
  const std::string name = std::string(
      "\x22\0\x03"
      "bob"sv);
  EXPECT_EQ(tls_extension({"TLSv1.3", "X", false, "bob"}),
            std::string("\x07\0\0\0\0"sv) + rest + name + cipher);
  EXPECT_EQ(tls_extension({"TLSv1.3", "X", true, ""}),
            std::string("\x05\0\0\0\0"sv) + rest + cipher);
}

TEST(WriteProxyHeader, AChangeOfAnyByteIsNoticed) {
  const Bytes good = write_proxy_v2(sample(ProxyFamily::kIpv4), nullptr);
  const std::size_t checksum_type = good.size() - 7;  // changed, it is an extension like others
  for (std::size_t place = 16; place < good.size(); ++place) {
    if (place == checksum_type) continue;
    Bytes changed = good;
    changed[place] ^= std::byte{1};
    EXPECT_NE(text_of(read_proxy_header(changed).verdict), "valid") << place;
  }
}

}  // namespace
}  // namespace sluice::wire
