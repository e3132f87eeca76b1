// An IP address, with or without a port, as the whole program passes it around.
//
// A value of 28 bytes that the kernel's calls take as it is. UNIX socket paths are not addresses
// here: a listener spells them in its own configuration, and the end of a UNIX socket is not
// specified, but known for what it is. Immutable after construction; any thread.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "sluice/error.h"

namespace sluice {

class Endpoint {
 public:
  /// The unspecified endpoint: family AF_UNSPEC, prints as "-".
  Endpoint() noexcept;

  /// Parses `10.0.0.1:80`, `[::1]:80`, `*:80` (every IPv4 address). The port is decimal, 0..65535;
  /// 0 asks the kernel for one.
  [[nodiscard]] static Result<Endpoint> parse(std::string_view text);

  /// Joins a numeric IPv4 or IPv6 address (no brackets) with a port.
  [[nodiscard]] static Result<Endpoint> from_ip(std::string_view ip, std::uint16_t port);

  /// Takes what accept(2), getpeername(2) or getsockname(2) wrote. A UNIX socket's is not
  /// specified and prints as "unix"; an unknown family gives the unspecified endpoint.
  [[nodiscard]] static Endpoint from_sockaddr(const sockaddr_storage& from) noexcept;

  [[nodiscard]] int family() const noexcept { return address_.plain.sa_family; }
  /// Whether it is an IP address.
  [[nodiscard]] bool is_specified() const noexcept {
    return family() == AF_INET || family() == AF_INET6;
  }
  [[nodiscard]] std::uint16_t port() const noexcept;
  [[nodiscard]] Endpoint with_port(std::uint16_t port) const noexcept;

  [[nodiscard]] const sockaddr* data() const noexcept { return &address_.plain; }
  [[nodiscard]] socklen_t size() const noexcept;

  /// `10.0.0.1:80` or `[::1]:80`.
  [[nodiscard]] std::string to_string() const;

  friend bool operator==(const Endpoint& left, const Endpoint& right) noexcept;

 private:
  union {
    sockaddr plain;
    sockaddr_in v4;
    sockaddr_in6 v6;
  } address_;
};

}  // namespace sluice
