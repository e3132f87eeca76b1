// What Sluice tells about itself: the rows that the admin interface answers with and `lbstat`
// prints.
//
// Plain values without I/O or threads; they are made on the control thread out of the workers'
// counters (src/stats/counters.h). Names of fields are the columns and JSON keys of the contract,
// section 4. Bytes are bytes, durations milliseconds unless the name says otherwise.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

/// How a session ended (contract, section 4, last paragraph, and four more). The order is that
/// of the contract.
enum class CloseReason : std::uint8_t {
  kClientClosed,
  kServerClosed,
  kIdleTimeout,
  kHalfClosedTimeout,
  kConnectFailed,
  kConnectTimeout,
  kQueueTimeout,
  kQueueFull,
  kNoServer,
  kHandshakeFailed,
  kHandshakeTimeout,
  kVerifyFailed,
  kProxyHeaderInvalid,
  kSniTimeout,
  kRequestInvalid,
  kRequestTimeout,
  kResponseInvalid,
  kResponseTimeout,
  kDenied,
  kLimit,
  kClientReset,
  kServerReset,
  kDrained,
  kKilled,
  kServerDown,
  kStopped,
  kInternal,
};
inline constexpr std::size_t kCloseReasonCount = 27;

/// Who ended it.
enum class Side : std::uint8_t { kClient, kServer, kUs };
inline constexpr std::size_t kSideCount = 3;

/// `client_closed`, `client`: the contract's spelling.
[[nodiscard]] std::string_view to_string(CloseReason reason) noexcept;
[[nodiscard]] std::string_view to_string(Side side) noexcept;

/// One generation of the configuration that still lives.
struct GenerationRow {
  std::uint64_t generation = 0;
  std::uint64_t sessions = 0;  ///< sessions that began with it and still run
  double age_seconds = 0;
};

struct FrontendRow {
  std::string name;
  std::string protocol;             ///< tcp | udp | http
  std::vector<std::string> listen;  ///< as bound, so a port 0 of the file shows its number
  std::string backend;
  std::string state;  ///< OPEN, FULL (its max_connections are reached), or why not
  std::uint64_t current = 0;
  std::uint64_t max = 0;
  std::uint64_t total = 0;
  std::uint64_t bytes_in = 0;   ///< from clients
  std::uint64_t bytes_out = 0;  ///< to clients
  std::uint64_t refused =
      0;  ///< connections closed before a session began (limit, descriptors, denied)
  std::uint64_t errors = 0;  ///< sessions that ended without having reached a server
};

struct BackendRow {
  std::string name;
  std::string policy;
  std::string state;             ///< UP | DOWN, of the whole
  std::uint64_t servers = 0;     ///< configured
  std::uint64_t servers_up = 0;  ///< able to take traffic now, standby ones included
  bool standby_active = false;   ///< passive servers are taking traffic
  std::uint64_t current = 0;
  std::uint64_t max = 0;
  std::uint64_t total = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t errors = 0;                 ///< connects that failed
  std::uint64_t retries = 0;                ///< sessions moved on to another server
  std::uint64_t queue = 0;                  ///< sessions that wait for a server
  std::uint64_t persistence_clients = 0;    ///< clients whose server is remembered
  std::uint64_t persistence_evictions = 0;  ///< forgotten before their time, to make room
};

/// One (frontend, server) pair. Counters are the server's; a server that two frontends reach has
/// two rows with the same numbers.
struct ServerRow {
  std::string frontend;  ///< "-" where no frontend uses the backend
  std::string backend;
  std::string server;
  std::string address;
  std::string state;  ///< UP DOWN DRAIN MAINT STANDBY NOCHECK, `UP 2/3`, `DOWN 1/2`
  std::string check;  ///< the last check's outcome: `ok 0.4ms`, `connection refused`, `-`
  std::uint64_t weight = 0;
  std::string mode;  ///< plain | passthrough | offload | reencrypt | originate
  std::uint64_t current = 0;
  std::uint64_t max = 0;
  std::uint64_t total = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t errors = 0;
  std::uint64_t retries = 0;
  std::uint64_t queue = 0;
  std::uint64_t ejections = 0;  ///< times that it was left out because its sessions failed
  double last_change = 0;       ///< seconds since the state last changed
};

struct SessionRow {
  std::uint64_t id = 0;
  std::string frontend;
  std::string backend;
  std::string server;   ///< "-" until one is chosen
  std::string client;   ///< address and port
  std::string address;  ///< the server's
  double age = 0;       ///< seconds
  double idle = 0;      ///< seconds since the last byte
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::string state;      ///< greeting | waiting | connecting | relaying | half_closed | closing
  std::string relay;      ///< copy | splice: splice where at least one direction is
  std::string relay_in;   ///< client to server: copy | splice
  std::string relay_out;  ///< server to client: copy | splice
  std::string tls;        ///< "-", or `ktls`, `user (REASON)`; both where they differ: in/out
  std::string tls_in;     ///< client to server
  std::string tls_out;    ///< server to client
  std::uint64_t generation = 0;
  std::uint32_t worker = 0;
};

/// Sessions that ended, of one reason and side.
struct ReasonRow {
  std::string reason;
  std::string side;
  std::uint64_t total = 0;
};

/// Directions with TLS of sessions that ended, by where their records were made and opened.
struct TlsGearRow {
  std::string gear;    ///< ktls | user
  std::string reason;  ///< why not ktls; empty where it is
  std::uint64_t total = 0;
};

struct WorkerRow {
  std::uint32_t worker = 0;
  int cpu = -1;  ///< -1: not pinned
  std::uint64_t sessions = 0;
  std::uint64_t total = 0;           ///< sessions accepted
  std::uint64_t handed_over = 0;     ///< accepted here, given to a less busy worker
  std::uint64_t turns = 0;           ///< of the reactor's loop
  std::uint64_t accept_pauses = 0;   ///< times that accepting stopped at a limit
  std::uint64_t buffers_in_use = 0;  ///< of the shared receive buffers
  std::uint64_t buffers = 0;
  std::uint64_t buffer_shortages = 0;  ///< receives that found none
  std::uint64_t pipes = 0;             ///< open for splice
  std::uint64_t pipe_shortages = 0;    ///< promotions that went on copying for want of a pipe
  std::uint64_t promotions = 0;        ///< directions that went from copy to splice
  std::uint64_t demotions = 0;
  std::uint64_t tls_copied_bytes = 0;   ///< of sessions with TLS, that came to user space
  std::uint64_t tls_spliced_bytes = 0;  ///< that did not
  std::uint64_t tls_calls = 0;          ///< system calls that moved them, but for the ring's
  std::uint64_t tls_key_updates = 0;    ///< followed, of either side
  std::uint64_t tls_stranded = 0;       ///< sessions ended: the kernel could not follow a KeyUpdate
  std::uint64_t tls_truncations = 0;    ///< ends without close_notify
  std::uint64_t tls_refusals = 0;       ///< connections ended for a record that must not be
  std::uint64_t log_drops = 0;         ///< session log lines lost because the log could not keep up
  std::uint64_t udp_datagrams_in = 0;  ///< from clients
  std::uint64_t udp_datagrams_out = 0;  ///< from servers
  std::uint64_t udp_flows_evicted = 0;  ///< ended early to make room for newer ones
  std::uint64_t udp_refusals = 0;       ///< "port unreachable" from servers
  std::uint64_t udp_overflowed = 0;     ///< datagrams the kernel had no room for
  std::uint64_t udp_without_flow = 0;   ///< datagrams dropped: their client could not have a flow
  std::uint64_t udp_oversize = 0;       ///< datagrams dropped: too long for the way on
  std::uint64_t udp_unsent = 0;         ///< datagrams dropped: no room to send, no route, refused
  std::uint64_t udp_shortages = 0;      ///< receives that found no buffer and waited for one
};

struct Status {
  std::string version;
  std::uint64_t pid = 0;
  std::uint64_t generation = 0;
  std::vector<GenerationRow> generations;  ///< every one that still lives, newest first
  double uptime = 0;                       ///< seconds
  std::string stopping;                    ///< empty, or why no connection is accepted
  std::uint64_t sessions = 0;
  std::uint64_t sessions_total = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  double session_rate = 0;    ///< new sessions per second, over the last second
  double bytes_in_rate = 0;   ///< bytes per second
  double bytes_out_rate = 0;  ///< bytes per second
  std::uint64_t reloads = 0;
  std::uint64_t reloads_refused = 0;
  std::string
      last_reload;  ///< what the last one did, or why it was refused; empty before the first
  std::vector<std::string> features;  ///< what the probe found off, each with its reason
  std::vector<WorkerRow> workers;
  std::vector<FrontendRow> frontends;
  std::vector<BackendRow> backends;
};

/// A histogram of durations for Prometheus: counts per bucket, not yet cumulative.
struct HistogramRow {
  std::vector<double> bounds_seconds;  ///< upper bounds, ascending; one more bucket above the last
  std::vector<std::uint64_t> counts;   ///< bounds_seconds.size() + 1
  double sum_seconds = 0;
};

/// Everything GET /metrics needs, gathered at one moment.
struct Metrics {
  Status status;
  std::vector<ServerRow> servers;
  std::vector<ReasonRow> reasons;
  std::vector<TlsGearRow> tls_gears;
  HistogramRow connect_time;
  HistogramRow session_time;
};

/// What a reload did.
struct ReloadOutcome {
  bool accepted = false;
  std::uint64_t generation = 0;  ///< the one in force afterwards
  std::string summary;  ///< `generation 8: +1 server, ~2 servers, -1 frontend, 0 sessions closed`
  std::vector<std::string> diagnostics;  ///< `FILE:LINE:COL: error: …`, notices included
};

/// What ending sessions by hand did.
struct KillOutcome {
  std::uint64_t killed = 0;  ///< sessions that lived and were told to end
};

/// The body of POST /v1/servers/BACKEND/NAME: what is to become of the server until the next
/// reload.
struct ServerOrder {
  std::string action;   ///< drain | ready | maintenance | weight
  std::string timeout;  ///< drain: when the rest is closed (`30s`, 0 = never); empty = the file's
  std::int64_t weight = -1;  ///< weight: 0..256
};

/// What it came to.
struct ServerOutcome {
  std::string backend;
  std::string server;
  std::string state;  ///< as in ServerRow
  std::uint64_t weight = 0;
  std::uint64_t current = 0;  ///< sessions
  std::string until;          ///< `the next reload`
  std::string summary;        ///< one line of all that
};

/// What the admin interface answers with where the answer is no.
struct Refusal {
  std::string error;  ///< one line that names the remedy
};

/// GET /healthz.
struct Health {
  bool healthy = false;
  std::string reason;  ///< "ok", or the first frontend that does not listen
};

}  // namespace sluice
