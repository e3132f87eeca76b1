#include "stats/encode_prometheus.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "base/assert.h"

namespace sluice::stats {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;
using Families = std::vector<MetricFamily>;

constexpr auto kCounter = MetricType::Counter;
constexpr auto kGauge = MetricType::Gauge;

ClientMetric make_metric(MetricType type, double value, Labels labels) {
  ClientMetric metric;
  metric.label = std::move(labels);
  if (type == kCounter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  return metric;
}

/// What stands in the HELP and TYPE lines.
struct Family {
  const char* name;
  const char* help;
  MetricType type = kGauge;
};

void add_single(Families& families, const Family& family, double value, Labels labels = {}) {
  families.push_back({family.name,
                      family.help,
                      family.type,
                      {make_metric(family.type, value, std::move(labels))}});
}

/// One family whose samples are the same member of every row.
template <typename Row>
struct Series {
  const char* name;
  const char* help;
  MetricType type;
  std::uint64_t Row::*member;
};

/// `labels_of` gives the labels that tell a row from the others.
template <typename Row, std::size_t count, typename LabelsOf>
void add_series(Families& families, const Series<Row> (&table)[count], const std::vector<Row>& rows,
                LabelsOf labels_of) {
  if (rows.empty()) return;
  for (const auto& series : table) {
    MetricFamily family{series.name, series.help, series.type, {}};
    for (const Row& row : rows) {
      const auto value = static_cast<double>(row.*series.member);
      family.metric.push_back(make_metric(series.type, value, labels_of(row)));
    }
    families.push_back(std::move(family));
  }
}

/// As add_series, for a gauge that is computed from a row.
template <typename Row, typename ValueOf, typename LabelsOf>
void add_gauge(Families& families, const Family& family, const std::vector<Row>& rows,
               ValueOf value_of, LabelsOf labels_of) {
  if (rows.empty()) return;
  MetricFamily out{family.name, family.help, kGauge, {}};
  for (const Row& row : rows) {
    out.metric.push_back(make_metric(kGauge, value_of(row), labels_of(row)));
  }
  families.push_back(std::move(out));
}

// --- The tables ---

constexpr Series<GenerationRow> kGenerationSeries[] = {
    {"sluice_generation_sessions", "Sessions that began with this generation and still run.",
     kGauge, &GenerationRow::sessions},
};

constexpr Series<FrontendRow> kFrontendSeries[] = {
    {"sluice_frontend_current_sessions", "Sessions now.", kGauge, &FrontendRow::current},
    {"sluice_frontend_sessions_max", "Highest number of sessions at one time.", kGauge,
     &FrontendRow::max},
    {"sluice_frontend_sessions_total", "Sessions begun.", kCounter, &FrontendRow::total},
    {"sluice_frontend_bytes_in_total", "Bytes from clients.", kCounter, &FrontendRow::bytes_in},
    {"sluice_frontend_bytes_out_total", "Bytes to clients.", kCounter, &FrontendRow::bytes_out},
    {"sluice_frontend_refused_total", "Connections closed before a session began.", kCounter,
     &FrontendRow::refused},
    {"sluice_frontend_errors_total", "Sessions that ended without having reached a server.",
     kCounter, &FrontendRow::errors},
};

constexpr Series<BackendRow> kBackendSeries[] = {
    {"sluice_backend_servers", "Servers configured.", kGauge, &BackendRow::servers},
    {"sluice_backend_servers_up", "Servers able to take traffic, passive ones included.", kGauge,
     &BackendRow::servers_up},
    {"sluice_backend_current_sessions", "Sessions now.", kGauge, &BackendRow::current},
    {"sluice_backend_sessions_max", "Highest number of sessions at one time.", kGauge,
     &BackendRow::max},
    {"sluice_backend_sessions_total", "Sessions begun.", kCounter, &BackendRow::total},
    {"sluice_backend_bytes_in_total", "Bytes from clients.", kCounter, &BackendRow::bytes_in},
    {"sluice_backend_bytes_out_total", "Bytes to clients.", kCounter, &BackendRow::bytes_out},
    {"sluice_backend_errors_total", "Connects that failed.", kCounter, &BackendRow::errors},
    {"sluice_backend_retries_total", "Sessions moved on to another server.", kCounter,
     &BackendRow::retries},
    {"sluice_backend_queue", "Sessions waiting for a server.", kGauge, &BackendRow::queue},
    {"sluice_backend_persistence_clients", "Clients whose server is remembered.", kGauge,
     &BackendRow::persistence_clients},
    {"sluice_backend_persistence_evictions_total",
     "Clients forgotten before their time to make room.", kCounter,
     &BackendRow::persistence_evictions},
};

constexpr Series<ServerRow> kServerSeries[] = {
    {"sluice_server_weight", "Weight in force.", kGauge, &ServerRow::weight},
    {"sluice_server_current_sessions", "Sessions now.", kGauge, &ServerRow::current},
    {"sluice_server_sessions_max", "Highest number of sessions at one time.", kGauge,
     &ServerRow::max},
    {"sluice_server_sessions_total", "Sessions begun.", kCounter, &ServerRow::total},
    {"sluice_server_bytes_in_total", "Bytes from clients to this server.", kCounter,
     &ServerRow::bytes_in},
    {"sluice_server_bytes_out_total", "Bytes from this server to clients.", kCounter,
     &ServerRow::bytes_out},
    {"sluice_server_errors_total", "Connects that failed.", kCounter, &ServerRow::errors},
    {"sluice_server_retries_total", "Sessions moved on from this server to another.", kCounter,
     &ServerRow::retries},
    {"sluice_server_queue", "Sessions waiting for this server.", kGauge, &ServerRow::queue},
    {"sluice_server_ejections_total", "Times left out because its sessions failed.", kCounter,
     &ServerRow::ejections},
};

constexpr Series<ReasonRow> kReasonSeries[] = {
    {"sluice_sessions_ended_total", "Sessions that ended, by reason and by who ended them.",
     kCounter, &ReasonRow::total},
};

constexpr Series<TlsGearRow> kTlsGearSeries[] = {
    {"sluice_tls_directions_total",
     "Directions with TLS of sessions that ended, by gear and by the reason for it.", kCounter,
     &TlsGearRow::total},
};

constexpr Series<WorkerRow> kWorkerSeries[] = {
    {"sluice_worker_current_sessions", "Sessions now.", kGauge, &WorkerRow::sessions},
    {"sluice_worker_sessions_total", "Sessions accepted.", kCounter, &WorkerRow::total},
    {"sluice_worker_handed_over_total", "Sessions given to a less busy worker.", kCounter,
     &WorkerRow::handed_over},
    {"sluice_worker_turns_total", "Turns of the loop.", kCounter, &WorkerRow::turns},
    {"sluice_worker_accept_pauses_total", "Times accepting stopped for want of descriptors.",
     kCounter, &WorkerRow::accept_pauses},
    {"sluice_worker_buffers", "Shared receive buffers.", kGauge, &WorkerRow::buffers},
    {"sluice_worker_buffers_in_use", "Shared receive buffers that hold bytes.", kGauge,
     &WorkerRow::buffers_in_use},
    {"sluice_worker_buffer_shortages_total", "Receives that found no buffer.", kCounter,
     &WorkerRow::buffer_shortages},
    {"sluice_worker_pipes", "Pipes open for splice.", kGauge, &WorkerRow::pipes},
    {"sluice_worker_pipe_shortages_total", "Promotions to splice refused for want of a pipe.",
     kCounter, &WorkerRow::pipe_shortages},
    {"sluice_worker_promotions_total", "Directions that went from copy to splice.", kCounter,
     &WorkerRow::promotions},
    {"sluice_worker_demotions_total", "Directions that went from splice to copy.", kCounter,
     &WorkerRow::demotions},
    {"sluice_worker_tls_copied_bytes_total", "Bytes of sessions with TLS that came to user space.",
     kCounter, &WorkerRow::tls_copied_bytes},
    {"sluice_worker_tls_spliced_bytes_total",
     "Bytes of sessions with TLS that went from socket to socket in the kernel.", kCounter,
     &WorkerRow::tls_spliced_bytes},
    {"sluice_worker_tls_calls_total",
     "System calls that moved bytes of sessions with TLS, but for those of the ring.", kCounter,
     &WorkerRow::tls_calls},
    {"sluice_worker_tls_key_updates_total", "TLS KeyUpdates followed.", kCounter,
     &WorkerRow::tls_key_updates},
    {"sluice_worker_tls_stranded_total",
     "Sessions ended because the kernel could not follow a TLS KeyUpdate.", kCounter,
     &WorkerRow::tls_stranded},
    {"sluice_worker_tls_truncations_total", "TLS connections that ended without close_notify.",
     kCounter, &WorkerRow::tls_truncations},
    {"sluice_worker_tls_refusals_total", "TLS connections ended for a record that must not be.",
     kCounter, &WorkerRow::tls_refusals},
    {"sluice_worker_log_drops_total", "Session log lines lost because the log was behind.",
     kCounter, &WorkerRow::log_drops},
    {"sluice_worker_udp_datagrams_in_total", "UDP datagrams from clients.", kCounter,
     &WorkerRow::udp_datagrams_in},
    {"sluice_worker_udp_datagrams_out_total", "UDP datagrams from servers.", kCounter,
     &WorkerRow::udp_datagrams_out},
    {"sluice_worker_udp_flows_evicted_total", "UDP flows ended early to make room for newer ones.",
     kCounter, &WorkerRow::udp_flows_evicted},
    {"sluice_worker_udp_refusals_total", "Refusals (ICMP port unreachable) by servers.", kCounter,
     &WorkerRow::udp_refusals},
    {"sluice_worker_udp_overflowed_total", "UDP datagrams dropped: the kernel's queue was full.",
     kCounter, &WorkerRow::udp_overflowed},
    {"sluice_worker_udp_without_flow_total",
     "UDP datagrams dropped: their client could not have a flow.", kCounter,
     &WorkerRow::udp_without_flow},
    {"sluice_worker_udp_oversize_total", "UDP datagrams dropped: too long for the way on.",
     kCounter, &WorkerRow::udp_oversize},
    {"sluice_worker_udp_unsent_total",
     "UDP datagrams dropped: no room to send, no route, or refused.", kCounter,
     &WorkerRow::udp_unsent},
    {"sluice_worker_udp_shortages_total", "UDP receives that waited for a buffer.", kCounter,
     &WorkerRow::udp_shortages},
};

// --- One part of the answer each ---

void add_process(Families& families, const Status& status) {
  add_single(families,
             {"sluice_build_info", "Always 1; the label says which release runs.", kGauge}, 1,
             {{"version", status.version}});
  add_single(families, {"sluice_uptime_seconds", "Time since the start.", kGauge}, status.uptime);
  add_single(families, {"sluice_stopping", "1 while the process ends and accepts nothing.", kGauge},
             status.stopping.empty() ? 0 : 1);
  add_single(families, {"sluice_generation", "Generation of the configuration in force.", kGauge},
             static_cast<double>(status.generation));
  add_single(families, {"sluice_reloads_total", "Reloads that took effect.", kCounter},
             static_cast<double>(status.reloads));
  add_single(families, {"sluice_reloads_refused_total", "Reloads that changed nothing.", kCounter},
             static_cast<double>(status.reloads_refused));
  add_series(families, kGenerationSeries, status.generations, [](const GenerationRow& row) {
    return Labels{{"generation", std::to_string(row.generation)}};
  });
}

void add_frontends(Families& families, const std::vector<FrontendRow>& rows) {
  const auto labels = [](const FrontendRow& row) { return Labels{{"frontend", row.name}}; };
  const auto is_open = [](const FrontendRow& row) {
    return row.state == "OPEN" || row.state == "FULL" ? 1.0 : 0.0;
  };
  add_gauge(families, {"sluice_frontend_up", "1 while the frontend listens."}, rows, is_open,
            labels);
  add_series(families, kFrontendSeries, rows, labels);
}

void add_backends(Families& families, const std::vector<BackendRow>& rows) {
  const auto labels = [](const BackendRow& row) { return Labels{{"backend", row.name}}; };
  const auto is_up = [](const BackendRow& row) { return row.state == "UP" ? 1.0 : 0.0; };
  const auto on_standby = [](const BackendRow& row) { return row.standby_active ? 1.0 : 0.0; };
  add_gauge(families, {"sluice_backend_up", "1 while a server can take traffic."}, rows, is_up,
            labels);
  add_gauge(families, {"sluice_backend_standby_active", "1 while passive servers take traffic."},
            rows, on_standby, labels);
  add_series(families, kBackendSeries, rows, labels);
}

/// `UP 2/3` is UP on its way down.
std::string state_word(const ServerRow& row) {
  return row.state.substr(0, row.state.find(' '));
}

double is_server_up(const ServerRow& row) {
  static constexpr std::string_view kUp[] = {"UP", "STANDBY", "NOCHECK"};
  const std::string word = state_word(row);
  for (const auto up : kUp) {
    if (word == up) return 1;
  }
  return 0;
}

/// One row for each server, whichever frontends reach it.
std::vector<ServerRow> distinct_servers(const std::vector<ServerRow>& rows) {
  std::set<std::pair<std::string_view, std::string_view>> seen;
  std::vector<ServerRow> distinct;
  for (const ServerRow& row : rows) {
    if (seen.emplace(row.backend, row.server).second) distinct.push_back(row);
  }
  return distinct;
}

void add_servers(Families& families, const std::vector<ServerRow>& rows) {
  const auto one = [](const ServerRow&) { return 1.0; };
  const auto labels = [](const ServerRow& row) {
    return Labels{{"backend", row.backend}, {"server", row.server}};
  };
  const auto state = [](const ServerRow& row) {
    return Labels{{"backend", row.backend}, {"server", row.server}, {"state", state_word(row)}};
  };
  const auto mode = [](const ServerRow& row) {
    return Labels{{"frontend", row.frontend},
                  {"backend", row.backend},
                  {"server", row.server},
                  {"mode", row.mode}};
  };
  const std::vector<ServerRow> servers = distinct_servers(rows);
  add_gauge(families, {"sluice_server_up", "1 while the server can take traffic."}, servers,
            is_server_up, labels);
  add_gauge(families, {"sluice_server_state", "Always 1; the label says which state."}, servers,
            one, state);
  add_gauge(families,
            {"sluice_server_mode",
             "Always 1; the label says what reaches the server from this frontend."},
            rows, one, mode);
  add_series(families, kServerSeries, servers, labels);
}

void add_reasons(Families& families, const std::vector<ReasonRow>& rows) {
  add_series(families, kReasonSeries, rows, [](const ReasonRow& row) {
    return Labels{{"reason", row.reason}, {"side", row.side}};
  });
}

void add_tls_gears(Families& families, const std::vector<TlsGearRow>& rows) {
  add_series(families, kTlsGearSeries, rows, [](const TlsGearRow& row) {
    return Labels{{"gear", row.gear}, {"reason", row.reason}};
  });
}

void add_workers(Families& families, const std::vector<WorkerRow>& rows) {
  add_series(families, kWorkerSeries, rows, [](const WorkerRow& row) {
    return Labels{{"worker", std::to_string(row.worker)}};
  });
}

void add_histogram(Families& families, const char* name, const char* help,
                   const HistogramRow& row) {
  if (row.counts.empty()) return;
  SLUICE_ASSERT(row.counts.size() == row.bounds_seconds.size() + 1);
  ClientMetric metric;
  std::uint64_t cumulative = 0;
  for (std::size_t bucket = 0; bucket < row.counts.size(); ++bucket) {
    cumulative += row.counts[bucket];
    const bool last = bucket == row.bounds_seconds.size();
    metric.histogram.bucket.push_back(
        {cumulative, last ? std::numeric_limits<double>::infinity() : row.bounds_seconds[bucket]});
  }
  metric.histogram.sample_count = cumulative;
  metric.histogram.sample_sum = row.sum_seconds;
  families.push_back({name, help, MetricType::Histogram, {std::move(metric)}});
}

}  // namespace

std::string encode_prometheus(const Metrics& metrics) {
  Families families;
  add_process(families, metrics.status);
  add_frontends(families, metrics.status.frontends);
  add_backends(families, metrics.status.backends);
  add_servers(families, metrics.servers);
  add_reasons(families, metrics.reasons);
  add_tls_gears(families, metrics.tls_gears);
  add_workers(families, metrics.status.workers);
  add_histogram(families, "sluice_connect_time_seconds", "Time to connect to a server.",
                metrics.connect_time);
  add_histogram(families, "sluice_session_time_seconds", "Length of sessions that ended.",
                metrics.session_time);
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace sluice::stats
