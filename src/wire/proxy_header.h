// The PROXY protocol's header, versions 1 and 2 (proxy-protocol.txt, HAProxy): what a proxy in
// front says about the connection that it passes on.
//
// Reading is incremental: give everything that has arrived so far, from the header's first byte.
// The answer is known as soon as the bytes allow it: a wrong byte is refused where it stands, and
// what follows the header is never needed. Pure; any thread.
//
// What is accepted beyond or refused within the specification: of version 2, addresses of another
// kind than TCP over IPv4 or IPv6 are skipped (as for LOCAL and UNKNOWN, the socket's own addresses
// hold); values that the specification does not assign are refused.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::wire {

/// Bytes of the longest header that is read: version 1 is 107 at the most.
inline constexpr std::size_t kMaxProxyHeader = 16 + 16384;
inline constexpr std::size_t kMaxUniqueId = 128;

struct ProxyAddress {
  std::array<std::uint8_t, 16> ip{};  ///< network byte order; IPv4 uses the first 4 bytes
  std::uint16_t port = 0;

  bool operator==(const ProxyAddress&) const = default;
};

enum class ProxyFamily : std::uint8_t {
  kNone,  ///< nothing is said about addresses
  kIpv4,
  kIpv6,
};

enum class ProxyTransport : std::uint8_t {
  kStream,    ///< TCP
  kDatagram,  ///< UDP; written in version 2 only, version 1 has no word for it
};

/// What a header says. Views point into the bytes that were read.
struct ProxyHeader {
  ProxyFamily family = ProxyFamily::kNone;
  ProxyTransport transport = ProxyTransport::kStream;
  ProxyAddress source;
  ProxyAddress destination;
  std::string_view authority;  ///< SNI
  std::string_view alpn;
  std::string_view unique_id;
};

/// TLS that ends here, for version 2.
struct ProxyTls {
  std::string version;  ///< `TLSv1.3`
  std::string cipher;
  bool is_resumed = false;
  /// The common name in the client's verified certificate, perhaps empty; none without one.
  std::optional<std::string> client_certificate{};
};

enum class ProxyVerdict : std::uint8_t { kIncomplete, kComplete, kInvalid };

struct ProxyReading {
  ProxyVerdict verdict = ProxyVerdict::kIncomplete;
  std::size_t size = 0;  ///< complete: bytes of the header
  ProxyHeader header;
};

[[nodiscard]] ProxyReading read_proxy_header(std::span<const std::byte> bytes) noexcept;

/// Version 1; `UNKNOWN` without addresses. Of streams only.
[[nodiscard]] std::vector<std::byte> write_proxy_v1(const ProxyHeader& header);

/// Version 2 with the extensions that are not empty, and a CRC-32C. `tls` null: the client's
/// connection has none. Texts are cut to what the whole may hold.
[[nodiscard]] std::vector<std::byte> write_proxy_v2(const ProxyHeader& header, const ProxyTls* tls);

}  // namespace sluice::wire
