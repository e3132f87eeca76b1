#include "daemon/admin_routes.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <span>

#include "config/scalars.h"
#include "daemon/admin_source.h"
#include "daemon/admin_target.h"
#include "stats/encode.h"
#include "stats/encode_prometheus.h"

namespace sluice::daemon {
namespace {

/// Rows of /v1/sessions where the client does not say, and the most it may ask for: about 40 MB.
constexpr std::size_t kDefaultSessions = 10'000;
constexpr std::size_t kMaxSessions = 100'000;

constexpr std::int64_t kMostWeight = 256;

/// A request on its way to its handler. `done` is moved out by the handler that answers later.
struct Exchange {
  AdminSource& source;
  const AdminTarget& target;
  const std::string& body;
  AnswerCallback done;
};

template <typename Value>
AdminAnswer json(const Value& value, unsigned status = 200) {
  return {status, "application/json", stats::encode(value) + '\n', {}};
}

AdminAnswer text(unsigned status, std::string body) {
  return {status, "text/plain; charset=utf-8", std::move(body), {}};
}

std::string quoted(std::string_view name) {
  return '"' + std::string(name) + '"';
}

// --- What a request names ---

std::string parameter(const AdminTarget& target, std::string_view name) {
  for (const auto& [key, value] : target.parameters) {
    if (key == name) return value;
  }
  return {};
}

/// A parameter that the route does not know, so that a misspelt filter does not pass for none.
std::optional<AdminAnswer> refuse_unknown_parameters(const AdminTarget& target,
                                                     std::span<const std::string_view> known) {
  for (const auto& entry : target.parameters) {
    if (std::find(known.begin(), known.end(), entry.first) == known.end()) {
      return refusal(400, "unknown parameter " + quoted(entry.first));
    }
  }
  return std::nullopt;
}

std::optional<std::uint64_t> parse_number(std::string_view digits) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

struct ServerName {
  std::string backend;
  std::string server;
};

/// `BACKEND/NAME`; the backend is empty where there is no slash.
ServerName split_server(const std::string& name) {
  const auto slash = name.find('/');
  if (slash == std::string::npos) return {"", name};
  return {name.substr(0, slash), name.substr(slash + 1)};
}

std::optional<AdminAnswer> refuse_unknown_backend(AdminSource& source, std::string_view backend) {
  const auto rows = source.backends();
  const auto is_it = [&](const BackendRow& row) { return row.name == backend; };
  if (std::any_of(rows.begin(), rows.end(), is_it)) return std::nullopt;
  return refusal(404, "no backend " + quoted(backend) + ": `lbstat backends` lists them");
}

std::optional<AdminAnswer> refuse_unknown_server(AdminSource& source, const ServerName& name) {
  if (auto refused = refuse_unknown_backend(source, name.backend)) return refused;
  const auto rows = source.servers(name.backend);
  const auto is_it = [&](const ServerRow& row) { return row.server == name.server; };
  if (std::any_of(rows.begin(), rows.end(), is_it)) return std::nullopt;
  return refusal(404, "no server " + quoted(name.server) + " in backend " + quoted(name.backend) +
                          ": `lbstat servers " + name.backend + "` lists them");
}

/// The filter of a listing, or why there is none.
tl::expected<SessionFilter, AdminAnswer> session_filter(Exchange& exchange) {
  static constexpr std::string_view kKnown[] = {"backend", "server", "limit"};
  if (auto refused = refuse_unknown_parameters(exchange.target, kKnown)) {
    return tl::unexpected(*refused);
  }
  auto [backend, server] = split_server(parameter(exchange.target, "server"));
  SessionFilter filter{parameter(exchange.target, "backend"), server, kDefaultSessions};
  if (filter.backend.empty()) filter.backend = backend;
  if (!backend.empty() && backend != filter.backend) {
    return tl::unexpected(refusal(400, "the parameters backend and server contradict each other"));
  }
  if (const auto limit = parameter(exchange.target, "limit"); !limit.empty()) {
    filter.limit = parse_number(limit).value_or(0);
    if (filter.limit == 0 || filter.limit > kMaxSessions) {
      return tl::unexpected(refusal(400, "limit: expected 1 to " + std::to_string(kMaxSessions)));
    }
  }
  return filter;
}

/// Fills in the backend of a server that was named alone, where only one backend has it.
std::optional<AdminAnswer> resolve(AdminSource& source, SessionFilter& filter) {
  if (filter.server.empty()) {
    return filter.backend.empty() ? std::nullopt : refuse_unknown_backend(source, filter.backend);
  }
  if (!filter.backend.empty()) {
    return refuse_unknown_server(source, {filter.backend, filter.server});
  }
  for (const ServerRow& row : source.servers("")) {
    if (row.server != filter.server) continue;
    if (!filter.backend.empty() && filter.backend != row.backend) {
      return refusal(400, "several backends have a server " + quoted(filter.server) +
                              ": say which, as BACKEND/NAME");
    }
    filter.backend = row.backend;
  }
  if (filter.backend.empty()) return refusal(404, "no server " + quoted(filter.server));
  return std::nullopt;
}

// --- Handlers ---

void get_status(Exchange& exchange) {
  exchange.done(json(exchange.source.status()));
}
void get_frontends(Exchange& exchange) {
  exchange.done(json(exchange.source.frontends()));
}
void get_backends(Exchange& exchange) {
  exchange.done(json(exchange.source.backends()));
}
void get_reasons(Exchange& exchange) {
  exchange.done(json(exchange.source.reasons()));
}

void get_servers(Exchange& exchange) {
  static constexpr std::string_view kKnown[] = {"backend"};
  if (auto refused = refuse_unknown_parameters(exchange.target, kKnown)) {
    return exchange.done(*refused);
  }
  const std::string backend = parameter(exchange.target, "backend");
  if (!backend.empty()) {
    if (auto refused = refuse_unknown_backend(exchange.source, backend)) {
      return exchange.done(*refused);
    }
  }
  exchange.done(json(exchange.source.servers(backend)));
}

void get_sessions(Exchange& exchange) {
  auto filter = session_filter(exchange);
  if (!filter) return exchange.done(filter.error());
  if (auto refused = resolve(exchange.source, *filter)) return exchange.done(*refused);
  exchange.source.sessions(
      *std::move(filter), [done = std::move(exchange.done)](const SessionList& list) {
        auto answer = json(list.rows);
        answer.headers.emplace_back("Sluice-Total-Sessions", std::to_string(list.total));
        done(std::move(answer));
      });
}

void get_metrics(Exchange& exchange) {
  exchange.done({200,
                 "text/plain; version=0.0.4; charset=utf-8",
                 stats::encode_prometheus(exchange.source.metrics()),
                 {}});
}

void get_health(Exchange& exchange) {
  const Health health = exchange.source.health();
  exchange.done(text(health.healthy ? 200 : 503, health.reason + '\n'));
}

void post_reload(Exchange& exchange) {
  exchange.source.reload([done = std::move(exchange.done)](const ReloadOutcome& outcome) {
    done(json(outcome, outcome.accepted ? 200 : 422));
  });
}

void delete_session(Exchange& exchange) {
  const std::string& segment = exchange.target.segments.back();
  const auto id = parse_number(segment);
  if (!id)
    return exchange.done(refusal(400, "a session is a number: `lbstat sessions` lists them"));
  exchange.source.kill_session(
      *id, [done = std::move(exchange.done), segment](const KillOutcome& outcome) {
        if (outcome.killed > 0) return done(json(outcome));
        done(refusal(404, "no session " + segment + ": it may have ended"));
      });
}

void delete_sessions(Exchange& exchange) {
  static constexpr std::string_view kKnown[] = {"server"};
  if (auto refused = refuse_unknown_parameters(exchange.target, kKnown)) {
    return exchange.done(*refused);
  }
  auto name = split_server(parameter(exchange.target, "server"));
  if (name.backend.empty() || name.server.empty()) {
    return exchange.done(refusal(400, "say which: /v1/sessions/ID or ?server=BACKEND/NAME"));
  }
  if (auto refused = refuse_unknown_server(exchange.source, name)) return exchange.done(*refused);
  exchange.source.kill_server_sessions(
      std::move(name.backend), std::move(name.server),
      [done = std::move(exchange.done)](const KillOutcome& outcome) { done(json(outcome)); });
}

/// What the body of an order says, or what is wrong with it.
tl::expected<ServerCommand, std::string> server_command(const ServerName& name,
                                                        const std::string& body) {
  const auto order = stats::decode<ServerOrder>(body);
  if (!order) return tl::unexpected("body: " + order.error().text);
  ServerCommand command{name.backend, name.server, ServerAction::kReady, std::nullopt, 0};
  if (order->action == "drain") {
    command.action = ServerAction::kDrain;
  } else if (order->action == "maintenance") {
    command.action = ServerAction::kMaintenance;
  } else if (order->action == "weight") {
    command.action = ServerAction::kWeight;
  } else if (order->action != "ready") {
    return tl::unexpected(std::string("action: expected drain, ready, maintenance or weight"));
  }
  if (!order->timeout.empty()) {
    if (command.action != ServerAction::kDrain) {
      return tl::unexpected(std::string("timeout: goes with the action drain"));
    }
    const auto timeout = config::parse_duration(order->timeout);
    if (!timeout) return tl::unexpected("timeout: " + timeout.error());
    command.timeout = *timeout;
  }
  const bool has_weight = order->weight != -1;
  if (has_weight != (command.action == ServerAction::kWeight)) {
    return tl::unexpected(std::string("weight: goes with the action weight"));
  }
  if (has_weight && (order->weight < 0 || order->weight > kMostWeight)) {
    return tl::unexpected(std::string("weight: expected 0 to 256"));
  }
  if (has_weight) command.weight = static_cast<std::uint16_t>(order->weight);
  return command;
}

void post_server(Exchange& exchange) {
  const auto& segments = exchange.target.segments;
  const ServerName name{segments[segments.size() - 2], segments.back()};
  if (auto refused = refuse_unknown_server(exchange.source, name)) return exchange.done(*refused);
  const auto command = server_command(name, exchange.body);
  if (!command) return exchange.done(refusal(400, command.error()));
  exchange.done(json(exchange.source.change_server(*command)));
}

// --- The table ---

/// `*` in a path stands for any one segment.
struct Route {
  std::string_view method;
  std::string_view path;
  void (*handle)(Exchange&);
};

constexpr Route kRoutes[] = {
    {"GET", "/v1/status", get_status},
    {"GET", "/v1/frontends", get_frontends},
    {"GET", "/v1/backends", get_backends},
    {"GET", "/v1/servers", get_servers},
    {"GET", "/v1/sessions", get_sessions},
    {"GET", "/v1/reasons", get_reasons},
    {"GET", "/metrics", get_metrics},
    {"GET", "/healthz", get_health},
    {"POST", "/v1/reload", post_reload},
    {"DELETE", "/v1/sessions", delete_sessions},
    {"DELETE", "/v1/sessions/*", delete_session},
    {"POST", "/v1/servers/*/*", post_server},
};

bool matches(std::string_view pattern, const std::vector<std::string>& segments) {
  for (const std::string& segment : segments) {
    if (pattern.empty()) return false;
    pattern.remove_prefix(1);  // the slash
    const std::string_view expected = pattern.substr(0, pattern.find('/'));
    if (expected != "*" && expected != segment) return false;
    pattern.remove_prefix(expected.size());
  }
  return pattern.empty();
}

AdminAnswer refuse_method(const AdminRequest& request, const std::vector<std::string_view>& known) {
  if (known.empty()) return refusal(404, "nothing is at " + request.target);
  std::string allowed;
  for (const auto method : known) {
    allowed += allowed.empty() ? "" : ", ";
    allowed += method;
    if (method == "GET") allowed += ", HEAD";
  }
  auto answer = refusal(405, request.method + " is not for " + request.target + ": use " + allowed);
  answer.headers.emplace_back("Allow", allowed);
  return answer;
}

}  // namespace

AdminAnswer refusal(unsigned status, std::string_view text) {
  return json(Refusal{std::string(text)}, status);
}

void route(AdminSource& source, const AdminRequest& request, AnswerCallback done) {
  const std::string_view method =
      request.method == "HEAD" ? std::string_view("GET") : request.method;
  if (request.access == AdminAccess::kReadOnly && method != "GET") {
    return done(refusal(403, "this address is read only: use the admin socket"));
  }
  const auto target = parse_target(request.target);
  if (!target) return done(refusal(400, "malformed request target"));
  std::vector<std::string_view> known;
  for (const Route& candidate : kRoutes) {
    if (!matches(candidate.path, target->segments)) continue;
    if (candidate.method == method) {
      Exchange exchange{source, *target, request.body, std::move(done)};
      return candidate.handle(exchange);
    }
    known.push_back(candidate.method);
  }
  done(refuse_method(request, known));
}

}  // namespace sluice::daemon
