#include "wire/proxy_header.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/assert.h"
#include "wire/crc32c.h"
#include "wire/ip_text.h"

namespace sluice::wire {
namespace {

constexpr std::array<std::uint8_t, 12> kSignature = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                                     0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};
constexpr std::string_view kV1Word = "PROXY ";
constexpr std::size_t kMaxV1 = 107;
constexpr std::size_t kV2Fixed = 16;

enum class Tlv : std::uint8_t {
  kAlpn = 0x01,
  kAuthority = 0x02,
  kCrc32c = 0x03,
  kUniqueId = 0x05,
  kTls = 0x20,
  kTlsVersion = 0x21,
  kTlsCommonName = 0x22,
  kTlsCipher = 0x23,
};

constexpr ProxyReading kIncomplete{};
constexpr ProxyReading kInvalid{ProxyVerdict::kInvalid, 0, {}};

std::string_view text_of(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::uint8_t byte_at(std::span<const std::byte> bytes, std::size_t place) noexcept {
  return static_cast<std::uint8_t>(bytes[place]);
}

std::uint16_t word_at(std::span<const std::byte> bytes, std::size_t place) noexcept {
  return static_cast<std::uint16_t>(byte_at(bytes, place) << 8 | byte_at(bytes, place + 1));
}

/// Takes the word before the next space, or the rest.
std::string_view take_word(std::string_view& text) noexcept {
  const auto space = text.find(' ');
  const std::string_view word = text.substr(0, space);
  text = space == std::string_view::npos ? std::string_view{} : text.substr(space + 1);
  return word;
}

// --- Version 1 ---

template <typename Bytes>
bool set_ip(ProxyAddress& address, const std::optional<Bytes>& bytes) noexcept {
  if (!bytes) return false;
  std::copy(bytes->begin(), bytes->end(), address.ip.begin());
  return true;
}

bool set_ip(ProxyAddress& address, ProxyFamily family, std::string_view text) noexcept {
  return family == ProxyFamily::kIpv4 ? set_ip(address, parse_ipv4(text))
                                      : set_ip(address, parse_ipv6(text));
}

bool set_port(ProxyAddress& address, std::string_view text) noexcept {
  const auto port = parse_decimal(text, 65535);
  address.port = static_cast<std::uint16_t>(port.value_or(0));
  return port.has_value();
}

/// The line between `PROXY ` and the line's end.
std::optional<ProxyHeader> read_v1_line(std::string_view line) noexcept {
  ProxyHeader header;
  if (std::count(line.begin(), line.end(), ' ') != 4) {
    const bool is_unknown = take_word(line) == "UNKNOWN";
    return is_unknown ? std::optional(header) : std::nullopt;
  }
  const std::string_view protocol = take_word(line);
  if (protocol == "UNKNOWN") return header;
  if (protocol != "TCP4" && protocol != "TCP6") return std::nullopt;
  header.family = protocol == "TCP4" ? ProxyFamily::kIpv4 : ProxyFamily::kIpv6;
  if (!set_ip(header.source, header.family, take_word(line))) return std::nullopt;
  if (!set_ip(header.destination, header.family, take_word(line))) return std::nullopt;
  if (!set_port(header.source, take_word(line))) return std::nullopt;
  if (!set_port(header.destination, line)) return std::nullopt;
  return header;
}

ProxyReading read_v1(std::string_view text) noexcept {
  const auto end = text.substr(0, kMaxV1).find('\n');
  if (end == std::string_view::npos) return text.size() < kMaxV1 ? kIncomplete : kInvalid;
  if (text[end - 1] != '\r') return kInvalid;
  const auto header = read_v1_line(text.substr(kV1Word.size(), end - 1 - kV1Word.size()));
  if (!header) return kInvalid;
  return {ProxyVerdict::kComplete, end + 1, *header};
}

// --- Version 2 ---

ProxyAddress address_at(std::span<const std::byte> bytes, std::size_t ip, std::size_t size,
                        std::size_t port) noexcept {
  ProxyAddress address;
  std::memcpy(address.ip.data(), bytes.data() + ip, size);
  address.port = word_at(bytes, port);
  return address;
}

/// The checksum counts its own four bytes as zero.
bool is_crc_right(std::span<const std::byte> whole, std::size_t place) noexcept {
  static constexpr std::array<std::byte, 4> kZero{};
  const std::uint32_t sum =
      crc32c(crc32c(crc32c(0, whole.first(place)), kZero), whole.subspan(place + kZero.size()));
  const auto said =
      static_cast<std::uint32_t>(word_at(whole, place)) << 16 | word_at(whole, place + 2);
  return sum == said;
}

/// The extensions from `place` to the end of the header.
bool read_tlvs(std::span<const std::byte> whole, std::size_t place, ProxyHeader& header) noexcept {
  while (place < whole.size()) {
    if (whole.size() - place < 3) return false;
    const auto type = static_cast<Tlv>(byte_at(whole, place));
    const std::size_t size = word_at(whole, place + 1);
    place += 3;
    if (whole.size() - place < size) return false;
    const std::string_view value = text_of(whole.subspan(place, size));
    if (type == Tlv::kAuthority) header.authority = value;
    if (type == Tlv::kAlpn) header.alpn = value;
    if (type == Tlv::kUniqueId) header.unique_id = value;
    if (type == Tlv::kUniqueId && size > kMaxUniqueId) return false;
    if (type == Tlv::kCrc32c && (size != 4 || !is_crc_right(whole, place))) return false;
    place += size;
  }
  return true;
}

/// Bytes of the addresses of a family nibble; none for one that is not assigned.
std::optional<std::size_t> address_bytes(unsigned family) noexcept {
  static constexpr std::array<std::size_t, 4> kBytes = {0, 12, 36, 216};
  return family < kBytes.size() ? std::optional(kBytes[family]) : std::nullopt;
}

bool read_v2_block(std::span<const std::byte> whole, ProxyHeader& header) noexcept {
  const unsigned family = byte_at(whole, 13) >> 4;
  const unsigned transport = byte_at(whole, 13) & 0x0f;
  const auto size = address_bytes(family);
  if (!size || transport > 2 || whole.size() - kV2Fixed < *size) return false;
  if (family == 1 && transport == 1) {
    header.family = ProxyFamily::kIpv4;
    header.source = address_at(whole, 16, 4, 24);
    header.destination = address_at(whole, 20, 4, 26);
  } else if (family == 2 && transport == 1) {
    header.family = ProxyFamily::kIpv6;
    header.source = address_at(whole, 16, 16, 48);
    header.destination = address_at(whole, 32, 16, 50);
  }
  return read_tlvs(whole, kV2Fixed + *size, header);
}

ProxyReading read_v2(std::span<const std::byte> bytes) noexcept {
  if (bytes.size() > 12 && byte_at(bytes, 12) != 0x20 && byte_at(bytes, 12) != 0x21) {
    return kInvalid;
  }
  if (bytes.size() < kV2Fixed) return kIncomplete;
  const std::size_t size = kV2Fixed + word_at(bytes, 14);
  if (size > kMaxProxyHeader) return kInvalid;
  if (bytes.size() < size) return kIncomplete;
  ProxyReading reading{ProxyVerdict::kComplete, size, {}};
  const bool is_local = byte_at(bytes, 12) == 0x20;  // whatever it carries is skipped
  if (!is_local && !read_v2_block(bytes.first(size), reading.header)) return kInvalid;
  return reading;
}

template <typename Magic>
bool begins_like(std::span<const std::byte> bytes, const Magic& magic) noexcept {
  const std::size_t count = std::min(bytes.size(), magic.size());
  return std::memcmp(bytes.data(), magic.data(), count) == 0;
}

// --- Writing ---

class Writer {
 public:
  void put(std::uint8_t byte) { out_.push_back(static_cast<std::byte>(byte)); }
  void put_word(std::size_t word) {
    put(static_cast<std::uint8_t>(word >> 8));
    put(static_cast<std::uint8_t>(word & 0xff));
  }
  void put(std::span<const std::uint8_t> bytes) {
    for (const std::uint8_t byte : bytes) put(byte);
  }
  void put(std::string_view text) {
    for (const char each : text) put(static_cast<std::uint8_t>(each));
  }
  void put_tlv(Tlv type, std::string_view value) {
    if (value.empty()) return;
    const std::string_view cut = value.substr(0, 1024);
    put(static_cast<std::uint8_t>(type));
    put_word(cut.size());
    put(cut);
  }
  void set_word(std::size_t place, std::size_t word) {
    out_[place] = static_cast<std::byte>(word >> 8);
    out_[place + 1] = static_cast<std::byte>(word & 0xff);
  }
  [[nodiscard]] std::size_t size() const noexcept { return out_.size(); }
  [[nodiscard]] std::vector<std::byte>& bytes() noexcept { return out_; }

 private:
  std::vector<std::byte> out_;
};

/// The family in the upper half, the transport in the lower.
std::uint8_t kind_of(const ProxyHeader& header) noexcept {
  static constexpr std::array<std::uint8_t, 3> kStreams = {0x00, 0x11, 0x21};
  static constexpr std::array<std::uint8_t, 3> kDatagrams = {0x00, 0x12, 0x22};
  const auto& kinds = header.transport == ProxyTransport::kStream ? kStreams : kDatagrams;
  return kinds[static_cast<std::size_t>(header.family)];
}

void put_addresses(Writer& out, const ProxyHeader& header) {
  if (header.family == ProxyFamily::kNone) return;
  const std::size_t size = header.family == ProxyFamily::kIpv4 ? 4 : 16;
  out.put(std::span(header.source.ip).first(size));
  out.put(std::span(header.destination.ip).first(size));
  out.put_word(header.source.port);
  out.put_word(header.destination.port);
}

/// What the client did: bits of the `client` field of PP2_TYPE_SSL.
std::uint8_t client_bits(const ProxyTls& tls) noexcept {
  constexpr std::uint8_t kOverTls = 0x01;
  constexpr std::uint8_t kCertificateNow = 0x02;
  constexpr std::uint8_t kCertificateInSession = 0x04;
  if (!tls.client_certificate) return kOverTls;
  if (tls.is_resumed) return kOverTls | kCertificateInSession;
  return kOverTls | kCertificateNow | kCertificateInSession;
}

void put_tls(Writer& out, const ProxyTls& tls) {
  constexpr std::size_t kVerified = 0;
  constexpr std::size_t kNoCertificateVerified = 1;
  out.put(static_cast<std::uint8_t>(Tlv::kTls));
  const std::size_t length = out.size();
  out.put_word(0);
  out.put(client_bits(tls));
  out.put_word(0);
  out.put_word(tls.client_certificate ? kVerified : kNoCertificateVerified);
  out.put_tlv(Tlv::kTlsVersion, tls.version);
  out.put_tlv(Tlv::kTlsCommonName, tls.client_certificate.value_or(std::string()));
  out.put_tlv(Tlv::kTlsCipher, tls.cipher);
  out.set_word(length, out.size() - length - 2);
}

}  // namespace

ProxyReading read_proxy_header(std::span<const std::byte> bytes) noexcept {
  if (bytes.empty()) return kIncomplete;
  if (begins_like(bytes, kV1Word)) {
    return bytes.size() < kV1Word.size() ? kIncomplete : read_v1(text_of(bytes));
  }
  return begins_like(bytes, kSignature) ? read_v2(bytes) : kInvalid;
}

std::vector<std::byte> write_proxy_v1(const ProxyHeader& header) {
  SLUICE_ASSERT(header.transport == ProxyTransport::kStream);
  Writer out;
  if (header.family == ProxyFamily::kNone) {
    out.put("PROXY UNKNOWN\r\n");
    return std::move(out.bytes());
  }
  const bool is_v4 = header.family == ProxyFamily::kIpv4;
  const std::size_t size = is_v4 ? 4 : 16;
  out.put(is_v4 ? "PROXY TCP4 " : "PROXY TCP6 ");
  out.put(ip_text(std::span(header.source.ip).first(size)) + ' ');
  out.put(ip_text(std::span(header.destination.ip).first(size)) + ' ');
  out.put(std::to_string(header.source.port) + ' ' + std::to_string(header.destination.port));
  out.put("\r\n");
  return std::move(out.bytes());
}

std::vector<std::byte> write_proxy_v2(const ProxyHeader& header, const ProxyTls* tls) {
  Writer out;
  out.put(kSignature);
  out.put(0x21);
  out.put(kind_of(header));
  out.put_word(0);
  put_addresses(out, header);
  out.put_tlv(Tlv::kAlpn, header.alpn);
  out.put_tlv(Tlv::kAuthority, header.authority);
  out.put_tlv(Tlv::kUniqueId, header.unique_id.substr(0, kMaxUniqueId));
  if (tls != nullptr) put_tls(out, *tls);
  static constexpr std::string_view kNoSum("\0\0\0\0", 4);
  out.put_tlv(Tlv::kCrc32c, kNoSum);
  out.set_word(14, out.size() - kV2Fixed);
  const std::uint32_t sum = crc32c(0, out.bytes());
  out.set_word(out.size() - 4, sum >> 16);
  out.set_word(out.size() - 2, sum & 0xffff);
  return std::move(out.bytes());
}

}  // namespace sluice::wire
