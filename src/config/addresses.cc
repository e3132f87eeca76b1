// The part of scalars.h about addresses and host names.
#include <arpa/inet.h>
#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "config/report.h"
#include "config/scalars.h"

namespace sluice::config {

namespace {

constexpr std::string_view kListenForms =
    "; write an address and a port such as \"0.0.0.0:443\", \"[::]:443\", or unix:/path, or fd:N";
constexpr std::uint64_t kHighestPort = 65'535;
/// Every worker has a socket for every port.
constexpr std::uint64_t kMostPortsOfRange = 1'000;

/// inet_pton(3) for a view; `bytes` has room for 16.
bool parse_ip(int family, std::string_view text, void* bytes) {
  char terminated[INET6_ADDRSTRLEN] = {};
  if (text.size() >= sizeof terminated || text.find('\0') != std::string_view::npos) return false;
  std::memcpy(terminated, text.data(), text.size());
  return ::inet_pton(family, terminated, bytes) == 1;
}

bool is_ip(int family, std::string_view text) {
  std::array<std::uint8_t, 16> bytes{};
  return parse_ip(family, text, bytes.data());
}

bool is_bracketed(std::string_view text) {
  return text.starts_with('[') && text.ends_with(']');
}

bool looks_like_ipv4(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char letter) {
    return letter == '.' || (letter >= '0' && letter <= '9');
  });
}

/// Permission bits as chmod(1) takes them.
Parsed<std::uint32_t> parse_mode(std::string_view text) {
  constexpr std::uint32_t kAllBits = 0777;
  std::uint32_t mode = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, mode, 8);
  if (text.empty() || error != std::errc() || stopped != end || mode > kAllBits) {
    return wrong(quote(text) + " is no mode; write three octal digits, such as mode=660");
  }
  return mode;
}

/// `PATH` or `PATH,mode=660`.
Parsed<ListenAddress> parse_unix_listen(std::string_view text, ListenAddress out) {
  constexpr std::string_view kMode = ",mode=";
  out.kind = ListenKind::kUnix;
  const std::size_t option = text.rfind(kMode);
  if (option != std::string_view::npos) {
    const auto mode = parse_mode(text.substr(option + kMode.size()));
    if (!mode) return wrong(mode.error());
    out.mode = *mode;
    text = text.substr(0, option);
  }
  auto path = parse_text(text);
  if (!path) return wrong("unix: needs a path, such as unix:/run/app.sock");
  out.path = std::move(*path);
  return out;
}

Parsed<ListenAddress> parse_fd_listen(std::string_view text, ListenAddress out) {
  constexpr std::uint64_t kLeast = 3;     // below are standard input, output and error
  constexpr std::uint64_t kMost = 1'023;  // those above are not looked at at the start
  out.kind = ListenKind::kFd;
  const auto fd = parse_number(text, kLeast, kMost);
  if (!fd) return wrong("fd: needs the number of an inherited descriptor; " + fd.error());
  out.fd = static_cast<int>(*fd);
  return out;
}

/// One spelling for each address: `::0:1` and `::1` are the same listener.
std::string canonical_ip(int family, std::string_view text) {
  std::array<std::uint8_t, 16> bytes{};
  char out[INET6_ADDRSTRLEN] = {};
  if (parse_ip(family, text, bytes.data())) ::inet_ntop(family, bytes.data(), out, sizeof out);
  return out;
}

Parsed<std::string> parse_listen_host(std::string_view host) {
  if (host == "*") return std::string("0.0.0.0");
  if (is_ip(AF_INET, host)) return canonical_ip(AF_INET, host);
  if (is_bracketed(host)) {
    const std::string_view inner = host.substr(1, host.size() - 2);
    if (is_ip(AF_INET6, inner)) return canonical_ip(AF_INET6, inner);
    return wrong(quote(inner) + " is not an IPv6 address");
  }
  if (is_ip(AF_INET6, host)) {
    return wrong("an IPv6 address needs brackets: \"[" + std::string(host) + "]:PORT\"");
  }
  if (looks_like_ipv4(host)) return wrong(quote(host) + " is not an IPv4 address");
  return wrong(quote(host) +
               " is not a numeric address; listen on an address of this host, or on 0.0.0.0 or "
               "[::] for every one");
}

/// `80` or `8000-8010`.
Parsed<ListenAddress> parse_ports(std::string_view text, ListenAddress out) {
  const std::size_t dash = text.find('-');
  const auto first = parse_number(text.substr(0, dash), 1, kHighestPort);
  if (!first) return wrong("port " + first.error());
  out.port = static_cast<std::uint16_t>(*first);
  if (dash == std::string_view::npos) return out;
  const auto last = parse_number(text.substr(dash + 1), 1, kHighestPort);
  if (!last) return wrong("last port " + last.error());
  if (*last <= *first) {
    return wrong(quote(text) + " is no range of ports: the last one is to be above the first");
  }
  if (*last - *first >= kMostPortsOfRange) {
    return wrong(quote(text) + " is too large: a range has at most " +
                 std::to_string(kMostPortsOfRange) + " ports");
  }
  out.last_port = static_cast<std::uint16_t>(*last);
  return out;
}

bool is_host_label(std::string_view label) {
  constexpr std::size_t kLongestLabel = 63;
  if (label.empty() || label.size() > kLongestLabel) return false;
  if (label.front() == '-' || label.back() == '-') return false;
  return std::all_of(label.begin(), label.end(), [](char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
           (letter >= '0' && letter <= '9') || letter == '-' || letter == '_';
  });
}

bool is_host_name(std::string_view text) {
  constexpr std::size_t kLongestName = 253;
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.empty() || text.size() > kLongestName) return false;
  while (true) {
    const std::size_t dot = text.find('.');
    if (!is_host_label(text.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

/// `host:port` with one colon: the commonest mistake in `address`.
bool has_port(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon + 1 == text.size()) return false;
  const std::string_view host = text.substr(0, colon);
  const bool is_one_colon = host.find(':') == std::string_view::npos || is_bracketed(host);
  return is_one_colon && looks_like_ipv4(text.substr(colon + 1));
}

/// Whether every bit behind the prefix is 0.
bool is_network_address(const Network& network) {
  const std::size_t bytes = network.is_ipv6 ? 16 : 4;
  for (std::size_t bit = network.prefix_bits; bit < bytes * 8; ++bit) {
    if ((network.address[bit / 8] >> (7 - bit % 8) & 1) != 0) return false;
  }
  return true;
}

}  // namespace

Parsed<std::string> check_socket_path(std::string path) {
  constexpr std::size_t kLongest = sizeof(sockaddr_un::sun_path) - 1;
  if (path.size() <= kLongest) return path;
  return wrong("the path " + quote(path) + " is too long for a UNIX socket: at most " +
               std::to_string(kLongest) + " bytes");
}

bool is_ip_address(std::string_view text) {
  return is_ip(AF_INET, text) || is_ip(AF_INET6, text);
}

Parsed<ListenAddress> parse_listen(std::string_view text) {
  ListenAddress out;
  out.text = std::string(text);
  if (text.starts_with("unix:")) return parse_unix_listen(text.substr(5), std::move(out));
  if (text.starts_with("fd:")) return parse_fd_listen(text.substr(3), std::move(out));

  if (is_ip_address(text) || is_bracketed(text)) {
    const std::string host = is_ip(AF_INET6, text) ? "[" + out.text + "]" : out.text;
    return wrong(quote(text) + " has no port; write \"" + host + ":443\"");
  }
  const std::size_t colon = text.rfind(':');
  if (const std::string_view port = text.substr(colon == 0 ? 1 : 0);
      parse_number(port, 1, kHighestPort)) {
    return wrong(quote(text) + " has no address; write \"0.0.0.0:" + std::string(port) +
                 "\" for every IPv4 address, \"[::]:" + std::string(port) +
                 "\" for every IPv6 one");
  }
  if (colon == std::string_view::npos || colon == 0) {
    return wrong(quote(text) + " is not an address to listen on" + std::string(kListenForms));
  }
  auto host = parse_listen_host(text.substr(0, colon));
  if (!host) return wrong(host.error());
  out.host = std::move(*host);
  return parse_ports(text.substr(colon + 1), std::move(out));
}

Parsed<std::string> parse_server_address(std::string_view text) {
  if (is_bracketed(text) && is_ip(AF_INET6, text.substr(1, text.size() - 2))) {
    return std::string(text.substr(1, text.size() - 2));
  }
  if (is_ip_address(text)) return std::string(text);
  if (text.find("://") != std::string_view::npos) {
    return wrong(quote(text) + " is a URL; give only the host here and the port in `port`");
  }
  if (has_port(text)) {
    return wrong(quote(text) + " has a port in it; give the port in `port`");
  }
  if (text.find('/') != std::string_view::npos) {
    return wrong(quote(text) + " is not an IP address or a host name");
  }
  if (looks_like_ipv4(text)) return wrong(quote(text) + " is not an IPv4 address");
  if (text.find(':') != std::string_view::npos) {
    return wrong(quote(text) + " is not an IPv6 address");
  }
  return parse_host_name(text);
}

Parsed<std::string> parse_host_name(std::string_view text) {
  if (is_host_name(text)) return std::string(text);
  return wrong(quote(text) + " is not an IP address or a host name");
}

Parsed<std::string> parse_sni_pattern(std::string_view text) {
  const std::string_view name = text.starts_with("*.") ? text.substr(2) : text;
  if (!is_host_name(name) || is_ip_address(name)) {
    return wrong(quote(text) + " is not a host name, nor `*.` and a host name");
  }
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  });
  return out;
}

Parsed<Network> parse_network(std::string_view text) {
  Network out;
  out.text = std::string(text);
  const std::size_t slash = text.find('/');
  const std::string_view address = text.substr(0, slash);
  out.is_ipv6 = is_ip(AF_INET6, address);
  if (!parse_ip(out.is_ipv6 ? AF_INET6 : AF_INET, address, out.address.data())) {
    return wrong(quote(text) + " is not a network; write 10.0.0.0/8, 2001:db8::/32 or one address");
  }
  const std::uint64_t longest = out.is_ipv6 ? 128 : 32;
  out.prefix_bits = static_cast<std::uint8_t>(longest);
  if (slash == std::string_view::npos) return out;
  const auto bits = parse_number(text.substr(slash + 1), 0, longest);
  if (!bits) return wrong("prefix length " + bits.error());
  out.prefix_bits = static_cast<std::uint8_t>(*bits);
  if (!is_network_address(out)) {
    return wrong(quote(text) + " has address bits behind its prefix; is the length right?");
  }
  return out;
}

}  // namespace sluice::config
