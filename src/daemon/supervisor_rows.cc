#include <unistd.h>

#include <algorithm>
#include <utility>

#include "daemon/supervisor.h"
#include "sluice/version.h"
#include "stats/histogram.h"

namespace sluice::daemon {
namespace {

using Seconds = std::chrono::duration<double>;

/// What every kind of row tells about its traffic.
template <typename Row>
void add_traffic(const stats::TrafficCounters& slot, Row& row) {
  row.total += slot.total.value();
  row.bytes_in += slot.bytes_in.value();
  row.bytes_out += slot.bytes_out.value();
  row.errors += slot.errors.value();
}

/// The traffic of a server, into its own row or its backend's.
template <typename Row>
void add_server(const balance::ServerState& server, Row& row) {
  for (const balance::WorkerSlot& slot : server.slots()) {
    add_traffic(slot.traffic, row);
    row.retries += slot.traffic.retries.value();
  }
}

ServerRow server_row(const proxy::BackendRoute& backend, std::uint32_t index,
                     const balance::Availability& availability) {
  const balance::Candidate& candidate = backend.balance.candidate(index);
  const balance::ServerState& state = *candidate.state;
  ServerRow row;
  row.backend = backend.balance.state().name();
  row.server = state.name();
  row.address = backend.addresses[index].to_string();
  row.state = to_string(state.health(), balance::Backend::duty(candidate, availability),
                        state.orders().order);
  row.check = state.check_text();
  row.weight = backend.balance.weight(index);
  row.current = state.sessions().value();
  row.max = state.sessions().max();
  row.ejections = state.ejections();
  row.queue = state.line().size();
  row.last_change = Seconds(balance::ServerState::Clock::now() - state.last_change()).count();
  add_server(state, row);
  return row;
}

const char* name_of(proxy::FrontendProtocol protocol) noexcept {
  switch (protocol) {
    case proxy::FrontendProtocol::kTcp:
      return "tcp";
    case proxy::FrontendProtocol::kUdp:
      return "udp";
    case proxy::FrontendProtocol::kHttp:
      return "http";
  }
  return "tcp";
}

void add_udp(const proxy::UdpNumbers& numbers, WorkerRow& row) {
  row.udp_datagrams_in = numbers.datagrams_in.value();
  row.udp_datagrams_out = numbers.datagrams_out.value();
  row.udp_flows_evicted = numbers.evicted.value();
  row.udp_refusals = numbers.refusals.value();
  row.udp_overflowed = numbers.overflowed.value();
  row.udp_without_flow = numbers.unflowed.value();
  row.udp_oversize = numbers.oversize.value();
  row.udp_unsent = numbers.unsent.value();
  row.udp_shortages = numbers.shortages.value();
}

void add_tls(const proxy::SecureContext& secure, WorkerRow& row) {
  row.tls_copied_bytes = secure.copied_bytes.value();
  row.tls_spliced_bytes = secure.spliced_bytes.value();
  row.tls_calls = secure.calls.value();
  row.tls_key_updates = secure.key_updates.value();
  row.tls_stranded = secure.stranded.value();
  row.tls_truncations = secure.truncations.value();
  row.tls_refusals = secure.refusals.value();
}

}  // namespace

std::vector<FrontendRow> Supervisor::frontends() {
  std::vector<FrontendRow> rows;
  if (engine_->table() == nullptr) return rows;
  for (const auto& route : engine_->table()->frontends()) {
    proxy::FrontendState& state = *route->state;
    FrontendRow row;
    row.name = state.name();
    row.protocol = name_of(route->protocol);
    for (const std::string& listen : route->listen) {
      std::string shown = engine_->listeners().shown(listen);
      const bool is_of_same_range = !row.listen.empty() && row.listen.back() == shown;
      if (!is_of_same_range) row.listen.push_back(std::move(shown));
    }
    row.backend = route->backend->balance.state().name();
    row.state = !stopping_.empty() ? "STOPPING" : state.is_below_limit() ? "OPEN" : "FULL";
    row.current = state.sessions().value();
    row.max = state.sessions().max();
    for (const stats::TrafficCounters& slot : state.slots()) {
      add_traffic(slot, row);
      row.refused += slot.refused.value();
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<BackendRow> Supervisor::backends() {
  std::vector<BackendRow> rows;
  if (engine_->table() == nullptr) return rows;
  for (const auto& backend : engine_->table()->backends()) {
    const balance::Availability availability = backend->balance.availability();
    BackendRow row;
    row.name = backend->balance.state().name();
    row.policy = backend->policy;
    row.servers = backend->balance.candidates().size();
    const std::uint64_t usable = availability.usable_active + availability.usable_passive;
    row.servers_up = usable - availability.ejected;
    row.state = usable > 0 ? "UP" : "DOWN";
    row.standby_active = availability.is_standby_serving;
    row.current = backend->balance.state().sessions().value();
    row.max = backend->balance.state().sessions().max();
    row.queue = backend->balance.state().waiting().value();
    if (const auto* table = backend->balance.persistence().table()) {
      row.persistence_clients = table->clients();
      row.persistence_evictions = table->evictions();
    }
    for (const balance::Candidate& candidate : backend->balance.candidates()) {
      add_server(*candidate.state, row);
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<ServerRow> Supervisor::servers(std::string_view backend) {
  std::vector<ServerRow> rows;
  if (engine_->table() == nullptr) return rows;
  const auto add = [&](const proxy::BackendRoute& route, const proxy::FrontendRoute* frontend) {
    const balance::Availability availability = route.balance.availability();
    for (std::uint32_t index = 0; index < route.balance.candidates().size(); ++index) {
      rows.push_back(server_row(route, index, availability));
      rows.back().frontend = frontend != nullptr ? frontend->state->name() : "-";
      rows.back().mode = frontend != nullptr ? proxy::mode_of(*frontend, route.tls[index]) : "-";
    }
  };
  for (const auto& route : engine_->table()->backends()) {
    if (!backend.empty() && route->balance.state().name() != backend) continue;
    bool is_reached = false;
    for (const auto& frontend : engine_->table()->frontends()) {
      if (!frontend->reaches(*route)) continue;
      add(*route, frontend.get());
      is_reached = true;
    }
    if (!is_reached) add(*route, nullptr);
  }
  return rows;
}

std::vector<ReasonRow> Supervisor::reasons() {
  std::vector<ReasonRow> rows;
  for (std::size_t reason = 0; reason < kCloseReasonCount; ++reason) {
    for (std::size_t side = 0; side < kSideCount; ++side) {
      std::uint64_t total = 0;
      for (const auto& worker : engine_->workers()) {
        total += worker->loop().session_numbers().context().reasons.value(
            static_cast<CloseReason>(reason), static_cast<Side>(side));
      }
      if (total == 0) continue;
      rows.push_back({std::string(to_string(static_cast<CloseReason>(reason))),
                      std::string(to_string(static_cast<Side>(side))), total});
    }
  }
  return rows;
}

std::vector<WorkerRow> Supervisor::worker_rows() {
  std::vector<WorkerRow> rows;
  for (const auto& worker : engine_->workers()) {
    WorkerLoop& loop = worker->loop();
    WorkerRow row;
    row.worker = static_cast<std::uint32_t>(rows.size());
    row.cpu = worker->cpu();
    row.sessions = loop.session_numbers().count() + loop.udp_numbers().flows.value();
    row.total = loop.numbers().sessions_begun.value() + loop.udp_numbers().begun.value();
    row.handed_over = loop.numbers().handed_over.value();
    row.turns = loop.reactor().turns().value();
    row.accept_pauses = loop.numbers().accept_pauses.value();
    row.buffers_in_use = loop.numbers().buffers_in_use.value();
    row.buffers = proxy::ChunkPool::kBufferCount;
    row.buffer_shortages = loop.relay_numbers().shortages.value();
    row.pipes = loop.pipe_numbers().open_pipes().value();
    row.pipe_shortages = loop.pipe_numbers().shortages().value();
    row.promotions = loop.relay_numbers().promotions.value();
    row.demotions = loop.relay_numbers().demotions.value();
    row.log_drops = loop.log().drops().value();
    add_udp(loop.udp_numbers(), row);
    add_tls(loop.secure_numbers(), row);
    rows.push_back(row);
  }
  // The queue of the log itself is behind all workers: its losses are shown with the first.
  if (!rows.empty()) rows.front().log_drops += log_.drops();
  return rows;
}

std::vector<TlsGearRow> Supervisor::tls_gears() {
  std::vector<TlsGearRow> rows;
  for (std::size_t i = 0; i < proxy::kUserReasonCount; ++i) {
    const auto reason = static_cast<proxy::UserReason>(i);
    std::uint64_t total = 0;
    for (const auto& worker : engine_->workers()) {
      total += worker->loop().secure_numbers().gears.value(reason);
    }
    if (total == 0) continue;
    const bool is_kernel = reason == proxy::UserReason::kNone;
    rows.push_back({is_kernel ? "ktls" : "user", std::string(to_string(reason)), total});
  }
  return rows;
}

RateMeter::Totals Supervisor::totals() {
  RateMeter::Totals totals;
  for (const auto& worker : engine_->workers()) {
    const WorkerLoop& loop = worker->loop();
    totals.sessions += loop.numbers().sessions_begun.value() + loop.udp_numbers().begun.value();
  }
  if (engine_->table() == nullptr) return totals;
  for (const auto& frontend : engine_->table()->frontends()) {
    for (const stats::TrafficCounters& slot : frontend->state->slots()) {
      totals.bytes_in += slot.bytes_in.value();
      totals.bytes_out += slot.bytes_out.value();
    }
  }
  return totals;
}

Status Supervisor::status() {
  Status status;
  status.version = kVersion;
  status.pid = static_cast<std::uint64_t>(::getpid());
  status.generation = generation_;
  const auto now = std::chrono::steady_clock::now();
  for (proxy::RouteTable* table : engine_->living_tables()) {
    status.generations.push_back(
        {table->generation(), table->sessions().load(), Seconds(now - table->made_at()).count()});
  }
  status.uptime = Seconds(now - started_at_).count();
  status.stopping = stopping_;
  status.workers = worker_rows();
  for (const WorkerRow& worker : status.workers) {
    status.sessions += worker.sessions;
  }
  status.frontends = frontends();
  status.backends = backends();
  const RateMeter::Totals sums = totals();
  status.sessions_total = sums.sessions;
  status.bytes_in = sums.bytes_in;
  status.bytes_out = sums.bytes_out;
  status.session_rate = rates_.rates().sessions;
  status.bytes_in_rate = rates_.rates().bytes_in;
  status.bytes_out_rate = rates_.rates().bytes_out;
  status.reloads = reloads_;
  status.reloads_refused = reloads_refused_;
  status.last_reload = last_reload_;
  status.features = missing_features_;
  return status;
}

Metrics Supervisor::metrics() {
  Metrics metrics;
  metrics.status = status();
  metrics.servers = servers({});
  metrics.reasons = reasons();
  metrics.tls_gears = tls_gears();
  for (const auto& worker : engine_->workers()) {
    const proxy::SessionContext& context = worker->loop().session_numbers().context();
    context.connect_time.add_to(metrics.connect_time);
    context.session_time.add_to(metrics.session_time);
  }
  return metrics;
}

Health Supervisor::health() {
  if (!stopping_.empty()) return {false, "stopping: " + stopping_};
  if (engine_->table() == nullptr) return {false, "starting"};
  return {true, "ok"};
}

// --- What the workers must answer ---

void Supervisor::sessions(SessionFilter filter, SessionsCallback done) {
  struct Answer {
    std::vector<SessionRow> rows;
    std::uint64_t total = 0;
  };
  const proxy::SessionFilter wanted{std::nullopt, filter.backend, filter.server};
  engine_->ask<Answer>(
      [wanted, limit = filter.limit](WorkerLoop& loop) {
        return Answer{loop.describe_sessions(wanted, limit), loop.count_sessions(wanted)};
      },
      [limit = filter.limit, done = std::move(done)](std::vector<Answer> answers) {
        SessionList list;
        for (Answer& answer : answers) {
          list.total += answer.total;
          std::move(answer.rows.begin(), answer.rows.end(), std::back_inserter(list.rows));
        }
        std::stable_sort(list.rows.begin(), list.rows.end(),
                         [](const auto& left, const auto& right) { return left.age > right.age; });
        if (list.rows.size() > limit) list.rows.resize(limit);
        done(std::move(list));
      });
}

void Supervisor::kill(const proxy::SessionFilter& filter, KillCallback done) {
  engine_->ask<std::uint64_t>(
      [filter](WorkerLoop& loop) { return loop.close_sessions(filter, CloseReason::kKilled); },
      [done = std::move(done)](const std::vector<std::uint64_t>& killed) {
        KillOutcome outcome;
        for (const std::uint64_t each : killed) outcome.killed += each;
        done(outcome);
      });
}

void Supervisor::kill_session(std::uint64_t id, KillCallback done) {
  kill({id, {}, {}}, std::move(done));
}

void Supervisor::kill_server_sessions(std::string backend, std::string server, KillCallback done) {
  kill({std::nullopt, std::move(backend), std::move(server)}, std::move(done));
}

}  // namespace sluice::daemon
