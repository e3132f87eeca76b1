#include "sluice/address.h"

#include <arpa/inet.h>

#include <array>
#include <charconv>
#include <cstring>

namespace sluice {
namespace {

Result<std::uint16_t> parse_port(std::string_view text) {
  unsigned value = 0;
  const auto [end, errc] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (errc != std::errc{} || end != text.data() + text.size() || value > 65535) {
    return fail("port '" + std::string(text) + "' is not a number from 0 to 65535");
  }
  return static_cast<std::uint16_t>(value);
}

}  // namespace

Endpoint::Endpoint() noexcept {
  std::memset(&address_, 0, sizeof address_);
}

Result<Endpoint> Endpoint::from_ip(std::string_view ip, std::uint16_t port) {
  const std::string text(ip);
  Endpoint endpoint;
  // inet_pton(3) would not see what stands behind a NUL.
  if (text.find('\0') != std::string::npos) return fail("the address contains a NUL");
  if (inet_pton(AF_INET, text.c_str(), &endpoint.address_.v4.sin_addr) == 1) {
    endpoint.address_.v4.sin_family = AF_INET;
  } else if (inet_pton(AF_INET6, text.c_str(), &endpoint.address_.v6.sin6_addr) == 1) {
    endpoint.address_.v6.sin6_family = AF_INET6;
  } else {
    return fail("'" + text + "' is not an IPv4 or IPv6 address");
  }
  return endpoint.with_port(port);
}

Result<Endpoint> Endpoint::parse(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return fail("'" + std::string(text) + "' has no port (expected ADDRESS:PORT)");
  }
  std::string_view ip = text.substr(0, colon);
  const auto port = parse_port(text.substr(colon + 1));
  if (!port) return tl::unexpected(port.error());
  if (ip == "*") return from_ip("0.0.0.0", *port);
  const bool has_brackets = ip.size() > 2 && ip.front() == '[' && ip.back() == ']';
  if (has_brackets) ip = ip.substr(1, ip.size() - 2);
  const bool is_v6 = ip.find(':') != std::string_view::npos;
  if (is_v6 != has_brackets) {
    return fail("'" + std::string(text) + "': an IPv6 address stands in brackets: [ADDRESS]:PORT");
  }
  return from_ip(ip, *port);
}

Endpoint Endpoint::from_sockaddr(const sockaddr_storage& from) noexcept {
  Endpoint endpoint;
  if (from.ss_family == AF_INET) std::memcpy(&endpoint.address_, &from, sizeof(sockaddr_in));
  if (from.ss_family == AF_INET6) std::memcpy(&endpoint.address_, &from, sizeof(sockaddr_in6));
  if (from.ss_family == AF_UNIX) endpoint.address_.plain.sa_family = AF_UNIX;
  return endpoint;
}

std::uint16_t Endpoint::port() const noexcept {
  // sin_port and sin6_port stand at the same place (RFC 3493, section 3.3 keeps the layouts alike
  // on Linux).
  return is_specified() ? ntohs(address_.v4.sin_port) : std::uint16_t{0};
}

Endpoint Endpoint::with_port(std::uint16_t port) const noexcept {
  Endpoint copy = *this;
  copy.address_.v4.sin_port = htons(port);
  return copy;
}

socklen_t Endpoint::size() const noexcept {
  return family() == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
}

std::string Endpoint::to_string() const {
  if (family() == AF_UNIX) return "unix";
  if (!is_specified()) return "-";
  std::array<char, INET6_ADDRSTRLEN> text{};
  const std::string port_text = ':' + std::to_string(port());
  if (family() == AF_INET) {
    inet_ntop(AF_INET, &address_.v4.sin_addr, text.data(), text.size());
    return text.data() + port_text;
  }
  inet_ntop(AF_INET6, &address_.v6.sin6_addr, text.data(), text.size());
  return '[' + std::string(text.data()) + ']' + port_text;
}

bool operator==(const Endpoint& left, const Endpoint& right) noexcept {
  if (left.family() != right.family()) return false;
  if (!left.is_specified()) return true;
  if (left.family() == AF_INET) {
    return left.address_.v4.sin_port == right.address_.v4.sin_port &&
           left.address_.v4.sin_addr.s_addr == right.address_.v4.sin_addr.s_addr;
  }
  return left.address_.v6.sin6_port == right.address_.v6.sin6_port &&
         left.address_.v6.sin6_scope_id == right.address_.v6.sin6_scope_id &&
         std::memcmp(&left.address_.v6.sin6_addr, &right.address_.v6.sin6_addr, sizeof(in6_addr)) ==
             0;
}

}  // namespace sluice
