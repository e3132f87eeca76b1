// The configuration of Sluice as plain values: the whole schema of the YAML file, decoded.
//
// What is not in the file has its default here, as the member's initialiser. A `Config` that
// config::load() hands out is valid: names are unique, references (frontend to backend, backend
// to CA bundle) lead somewhere, numbers are in range. References stay names, because a reload finds
// what survives by name. Paths are absolute or relative to the working directory, already
// resolved against the place of the file.
//
// Durations are milliseconds, 0 means off; sizes are bytes. Comparing two values with == asks
// whether they configure the same thing: where they stand in the file does not count.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sluice {

/// Where an entry begins in the file; both count from 1, 0 = unknown. All positions are equal, so
/// that entries which only moved compare equal.
struct SourcePosition {
  int line = 0;
  int column = 0;

  friend constexpr bool operator==(const SourcePosition&, const SourcePosition&) { return true; }
};

// --- Values ---

enum class ListenKind { kIp, kUnix, kFd };

/// One address that a frontend or the admin interface accepts on.
struct ListenAddress {
  std::string text;  ///< as written, the name in logs: `[::]:443`, `*:80`, `unix:/run/x`, `fd:3`
  ListenKind kind = ListenKind::kIp;
  std::string host;             ///< kIp: numeric IPv4 or IPv6 without brackets (`*` is 0.0.0.0)
  std::uint16_t port = 0;       ///< kIp
  std::uint16_t last_port = 0;  ///< kIp: of a range that begins with `port`; 0 = only that one
  std::string path;             ///< kUnix: absolute
  std::uint32_t mode = 0666;    ///< kUnix: of the file; connecting takes the right to write
  int fd = -1;                  ///< kFd: a descriptor inherited at start
  SourcePosition position;

  bool operator==(const ListenAddress&) const = default;
};

/// A network in CIDR notation; a plain address is a network of one.
struct Network {
  std::string text;
  std::array<std::uint8_t, 16> address{};  ///< network byte order; IPv4 uses the first 4 bytes
  bool is_ipv6 = false;
  std::uint8_t prefix_bits = 0;  ///< 0..32 or 0..128; the address bits behind them are 0

  bool operator==(const Network&) const = default;
};

// --- Global ---

enum class LogLevel { kError, kWarn, kInfo, kDebug };
enum class LogFormat { kText, kJson };
enum class SpliceMode { kAuto, kOff };
enum class KtlsMode { kAuto, kOn, kOff };

struct LogConfig {
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kText;
  bool sessions = true;  ///< one line for each finished session

  bool operator==(const LogConfig&) const = default;
};

struct AdminConfig {
  /// Path of the UNIX socket. Empty = the default place: /run/sluice/admin.sock for root, else
  /// $XDG_RUNTIME_DIR/sluice/admin.sock.
  std::string socket;
  std::optional<ListenAddress> listen;  ///< read-only TCP address, always kIp

  bool operator==(const AdminConfig&) const = default;
};

struct CertificateConfig {
  std::string name;
  std::string certificate;  ///< path of a PEM file: the certificate, then its chain
  std::string key;          ///< path of a PEM file
  SourcePosition position;

  bool operator==(const CertificateConfig&) const = default;
};

struct CaBundleConfig {
  std::string name;
  std::string file;  ///< path of a PEM file
  SourcePosition position;

  bool operator==(const CaBundleConfig&) const = default;
};

// --- Frontends ---

enum class Protocol { kTcp, kUdp, kHttp };
enum class TlsVersion { kTls12, kTls13 };
enum class ClientVerify { kRequired, kOptional };

struct RouteConfig {
  std::string sni;      ///< lower case; exact name, or `*.` and a name
  std::string backend;  ///< name
  SourcePosition position;

  bool operator==(const RouteConfig&) const = default;
};

/// Present on a frontend: TLS is terminated there.
struct FrontendTlsConfig {
  std::vector<std::string> certificates;  ///< names; the first is the default one
  bool strict_sni = false;
  TlsVersion min_version = TlsVersion::kTls12;
  std::vector<std::string> alpn;
  std::string client_ca;  ///< name of a CA bundle; empty = no mutual TLS
  ClientVerify client_verify = ClientVerify::kRequired;

  bool operator==(const FrontendTlsConfig&) const = default;
};

struct AcceptProxyProtocolConfig {
  std::vector<Network> from;  ///< networks whose header is believed; never empty

  bool operator==(const AcceptProxyProtocolConfig&) const = default;
};

struct FrontendTimeouts {
  std::chrono::milliseconds handshake{10'000};
  std::chrono::milliseconds sni{5'000};
  std::chrono::milliseconds proxy_protocol{5'000};
  std::chrono::milliseconds request_head{10'000};

  bool operator==(const FrontendTimeouts&) const = default;
};

struct FrontendConfig {
  std::string name;
  Protocol protocol = Protocol::kTcp;
  std::vector<ListenAddress> listen;  ///< never empty
  std::string backend;                ///< name of the default backend
  std::vector<RouteConfig> routes;
  std::optional<FrontendTlsConfig> tls;
  std::optional<AcceptProxyProtocolConfig> accept_proxy_protocol;
  std::uint32_t max_connections = 0;         ///< 0 = no limit
  std::uint32_t max_connections_per_ip = 0;  ///< 0 = no limit
  std::vector<Network> allow;                ///< empty = everybody
  std::vector<Network> deny;                 ///< wins over allow
  bool forwarded = false;
  FrontendTimeouts timeouts;
  SourcePosition position;

  bool operator==(const FrontendConfig&) const = default;
};

// --- Backends ---

enum class BalancePolicy { kRoundRobin, kLeastConnections, kRandom, kSourceHash, kFirst };
enum class PersistenceKind { kNone, kSourceIp, kTlsSession, kCookie };
enum class CookieSecure { kAuto, kOn, kOff };
enum class CookieSameSite { kNone, kLax, kStrict };
enum class AllDown { kReject, kTryAnyway };
enum class OnServerDown { kKeep, kClose };
enum class OnServerRemoved { kDrain, kClose };
enum class HealthCheckType { kNone, kTcp, kTls, kHttp, kUdp };
enum class ServerVerify { kRequired, kNone };
enum class ProxyProtocolVersion { kNone, kV1, kV2 };

struct CookieConfig {
  std::string name = "LBSRV";
  std::string path = "/";
  std::string domain;                         ///< empty = the host that was asked
  CookieSecure secure = CookieSecure::kAuto;  ///< auto: where the frontend has TLS
  CookieSameSite same_site = CookieSameSite::kLax;
  std::chrono::milliseconds max_age{0};  ///< 0 = until the browser closes
  bool http_only = true;
  bool strip = false;    ///< take the cookie out of requests before the server sees them
  std::string key_file;  ///< path; instances that share it share cookies. Empty = a key of our own

  bool operator==(const CookieConfig&) const = default;
};

struct PersistenceConfig {
  PersistenceKind kind = PersistenceKind::kNone;
  CookieConfig cookie;  ///< kCookie

  bool operator==(const PersistenceConfig&) const = default;
};

struct BackendTimeouts {
  std::chrono::milliseconds connect{5'000};
  std::chrono::milliseconds idle{3'600'000};
  std::chrono::milliseconds half_closed{30'000};
  std::chrono::milliseconds queue{5'000};
  std::chrono::milliseconds response{0};

  bool operator==(const BackendTimeouts&) const = default;
};

/// Status codes from `first` to `last`, both included.
struct StatusRange {
  int first = 200;
  int last = 399;

  bool operator==(const StatusRange&) const = default;
};

struct HealthCheckConfig {
  HealthCheckType type = HealthCheckType::kTcp;
  std::chrono::milliseconds interval{2'000};
  std::chrono::milliseconds timeout{2'000};
  std::uint32_t fall = 3;  ///< failures in a row that take a server down
  std::uint32_t rise = 2;  ///< successes in a row that bring it up
  std::uint16_t port = 0;  ///< 0 = the server's own
  std::string send;        ///< tcp, tls, udp: bytes to send once connected
  std::string expect;      ///< tcp, tls, udp: bytes that must appear in the answer
  std::string path = "/";  ///< http
  std::vector<StatusRange> status{StatusRange{}};  ///< http
  std::string server_name;                         ///< tls: SNI; http: Host. Empty = the server's

  bool operator==(const HealthCheckConfig&) const = default;
};

struct OutlierConfig {
  std::uint32_t max_fails = 5;  ///< 0 = off
  std::chrono::milliseconds window{10'000};
  std::chrono::milliseconds eject{30'000};
  std::uint32_t max_ejected_percent = 50;

  bool operator==(const OutlierConfig&) const = default;
};

/// What `source_hash` goes by: a client, or each of its ports by itself.
enum class UdpHash { kAddress, kFlow };

struct UdpConfig {
  std::chrono::milliseconds idle{60'000};
  /// A flow ends when each of its client's datagrams has had so many answers; 0 = no limit.
  std::uint32_t responses = 0;
  std::uint32_t max_flows = 65'536;
  UdpHash hash = UdpHash::kAddress;

  bool operator==(const UdpConfig&) const = default;
};

struct ServerConfig {
  std::string name;     ///< unique within the backend
  std::string address;  ///< IPv4, IPv6 without brackets, or a host name
  std::uint16_t port = 0;
  bool ssl_offload = false;
  bool passive = false;
  std::string ca_bundle;    ///< name; empty = `system`
  std::string server_name;  ///< empty = the address
  ServerVerify verify = ServerVerify::kRequired;
  bool tls = false;
  std::string client_certificate;     ///< name: shown to a server that asks for one; empty = none
  std::uint32_t weight = 1;           ///< 0..256; 0 = persistent clients only
  std::uint32_t max_connections = 0;  ///< 0 = no limit
  ProxyProtocolVersion send_proxy_protocol = ProxyProtocolVersion::kNone;
  SourcePosition position;

  bool operator==(const ServerConfig&) const = default;
};

struct BackendConfig {
  std::string name;
  BalancePolicy policy = BalancePolicy::kRoundRobin;
  PersistenceConfig persistence;
  std::chrono::milliseconds persistence_expire{1'800'000};
  std::uint32_t persistence_entries = 1'000'000;
  AllDown all_down = AllDown::kReject;  ///< load() gives kTryAnyway to backends of udp frontends
  std::uint32_t standby_min_active = 1;
  OnServerDown on_server_down = OnServerDown::kKeep;
  OnServerRemoved on_server_removed = OnServerRemoved::kDrain;
  std::chrono::milliseconds drain_timeout{0};  ///< 0 = for ever
  std::chrono::milliseconds resolve_interval{30'000};
  std::uint32_t retries =
      3;  ///< further connect attempts, each on another server where there is one
  std::uint32_t queue_size = 1024;
  BackendTimeouts timeouts;
  bool keepalive = true;
  HealthCheckConfig health_check;
  OutlierConfig outlier;
  UdpConfig udp;
  std::vector<ServerConfig> servers;
  SourcePosition position;

  bool operator==(const BackendConfig&) const = default;
};

// --- The file ---

struct Config {
  std::optional<int> workers;  ///< nothing = one for each CPU of the process's affinity mask
  std::chrono::milliseconds stop_timeout{30'000};
  SpliceMode splice = SpliceMode::kAuto;
  KtlsMode ktls = KtlsMode::kAuto;
  LogConfig log;
  AdminConfig admin;
  bool watch = false;
  std::vector<CertificateConfig> certificates;
  std::vector<CaBundleConfig> ca_bundles;  ///< without `system`
  std::vector<FrontendConfig> frontends;
  std::vector<BackendConfig> backends;

  bool operator==(const Config&) const = default;
};

}  // namespace sluice
