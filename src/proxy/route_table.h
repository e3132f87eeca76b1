// One compiled configuration: where a connection that arrives now goes. Immutable once published,
// but for the addresses of servers that the configuration calls by a host name (server_address.h).
//
//   config -> compiled -> published to every worker -> replaced -> last session ends -> freed
//
// The control thread makes and frees tables. A worker reads the one that was published to it last;
// a session keeps the one that it began with (table_pins.h). Live state (counters, health, current
// sessions, round-robin places) is not in the table: it lives in objects found by name, to which
// the table refers and which whoever holds the table keeps alive.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "balance/backend.h"
#include "base/clock.h"
#include "proxy/admission.h"
#include "proxy/cookie_jar.h"
#include "proxy/frontend_state.h"
#include "proxy/server_address.h"
#include "proxy/stage.h"
#include "sluice/address.h"
#include "sys/socket.h"
#include "tls/server_names.h"

namespace sluice::proxy {

/// What holds for a backend's UDP flows.
/// What source_hash takes for a client.
enum class FlowHash : std::uint8_t {
  kByAddress,  ///< all its flows go to one server
  kByFlow,     ///< its flows are spread
};

struct UdpRules {
  base::milliseconds idle{0};   ///< a flow ends after so long without a datagram
  std::uint32_t responses = 0;  ///< and when each of the client's has had so many; 0 = no limit
  std::uint32_t max_flows = 1;  ///< of all workers together
  FlowHash hash = FlowHash::kByAddress;
};

/// What stands before the first datagram of a flow.
enum class FlowHeader : std::uint8_t { kNone, kProxyV2 };

/// When a server is spoken to in TLS.
enum class TlsToServer : std::uint8_t {
  kNever,      ///< `ssl_offload: true`
  kAfterOurs,  ///< where the client's TLS has been terminated here
  kAlways,     ///< `tls: true`
};

/// A backend as sessions use it.
struct BackendRoute {
  explicit BackendRoute(balance::Backend balance_in) : balance(std::move(balance_in)) {}

  std::string policy;  ///< its configured name
  balance::Backend balance;
  std::vector<ServerAddress> addresses;  ///< by the index of the candidate
  /// What comes first on a new connection to a server, by its index; servers beyond the end have
  /// nothing.
  std::vector<StageSequence> introductions;
  std::vector<FlowHeader> flow_headers;  ///< by the same index; beyond the end there are none
  std::vector<TlsToServer> tls;          ///< by the same index
  std::unique_ptr<CookieJar> cookies;    ///< null: clients are not bound by cookies
  base::milliseconds connect_timeout{0};
  base::milliseconds idle_timeout{0};
  base::milliseconds half_closed_timeout{0};
  base::milliseconds queue_timeout{0};
  base::milliseconds response_timeout{0};
  std::uint32_t queue_size = 0;  ///< sessions that may wait for its servers
  std::uint32_t retries = 0;
  balance::OutlierRules outlier;
  sys::Keepalive keepalive = sys::Keepalive::kOn;
  UdpRules udp;
};

enum class FrontendProtocol : std::uint8_t { kTcp, kUdp, kHttp };

/// A frontend as its listeners use it.
struct FrontendRoute {
  FrontendProtocol protocol = FrontendProtocol::kTcp;
  FrontendState* state = nullptr;
  std::uint32_t max_sessions = 0;   ///< 0 = no limit; in force once the table is
  BackendRoute* backend = nullptr;  ///< the default; without one, the first route's
  bool has_default = true;
  bool terminates_tls = false;
  bool forwarded = false;           ///< http: every request tells the server who the client is
  StageSequence greeting;           ///< what comes first on a client's connection
  Admission admission;              ///< of UDP flows; connections ask by a stage
  std::vector<std::string> listen;  ///< names of its listeners (daemon::listener_name)
  tls::ServerNames names;           ///< lead to an index of `routes`
  std::vector<BackendRoute*> routes;

  /// Where a client goes that asks for this server name: the default without a name or a route,
  /// null where there is none.
  [[nodiscard]] BackendRoute* route_for(std::string_view server_name) const;
  [[nodiscard]] bool reaches(const BackendRoute& other) const noexcept;
};

/// What reaches a server of a backend from a frontend: plain, passthrough, offload, reencrypt or
/// originate.
[[nodiscard]] const char* mode_of(const FrontendRoute& frontend, TlsToServer server) noexcept;

class RouteTable {
 public:
  explicit RouteTable(std::uint64_t generation) : generation_(generation) {}
  RouteTable(const RouteTable&) = delete;
  RouteTable& operator=(const RouteTable&) = delete;

  // Filling it in, before it is published (daemon/table_compiler.h).
  void add(std::unique_ptr<BackendRoute> backend) { backends_.push_back(std::move(backend)); }
  void add(std::unique_ptr<FrontendRoute> frontend);

  [[nodiscard]] std::uint64_t generation() const noexcept { return generation_; }
  [[nodiscard]] const std::vector<std::unique_ptr<FrontendRoute>>& frontends() const noexcept {
    return frontends_;
  }
  [[nodiscard]] const std::vector<std::unique_ptr<BackendRoute>>& backends() const noexcept {
    return backends_;
  }
  /// The limits of its frontends and servers hold from now on, for older tables' sessions as well.
  /// Control thread.
  void come_into_force() noexcept;

  /// Null where no frontend listens on an address written like this.
  [[nodiscard]] FrontendRoute* find_listener(const std::string& listen) noexcept;

  /// Sessions that began with this table and still run. Workers add and take away, the control
  /// thread reads.
  [[nodiscard]] std::atomic<std::uint64_t>& sessions() noexcept { return sessions_; }

  [[nodiscard]] base::TimePoint made_at() const noexcept { return made_at_; }

 private:
  std::uint64_t generation_;
  base::TimePoint made_at_ = base::Clock::now();
  std::vector<std::unique_ptr<FrontendRoute>> frontends_;
  std::vector<std::unique_ptr<BackendRoute>> backends_;
  std::map<std::string, FrontendRoute*> listeners_;
  std::atomic<std::uint64_t> sessions_{0};
};

}  // namespace sluice::proxy
