#include "config/server_rules.h"

#include <algorithm>
#include <array>
#include <string>
#include <unordered_map>

#include "config/backend_fields.h"
#include "config/validate.h"

namespace sluice::config {

namespace {

using FrontendIndexes = std::vector<std::size_t>;

std::string names_of(const Config& config, const FrontendIndexes& frontends) {
  constexpr std::size_t kShown = 3;
  std::string out;
  for (std::size_t i = 0; i < std::min(frontends.size(), kShown); ++i) {
    out += (i == 0 ? "" : ", ") + quote(config.frontends[frontends[i]].name);
  }
  return frontends.size() > kShown ? out + ", ..." : out;
}

// --- Health checks ---

/// The health checks that a key is for.
struct Applicability {
  std::string_view key;
  std::array<HealthCheckType, 4> types;
  std::string_view text;
};

using Type = HealthCheckType;
constexpr std::array kApplicability = {
    Applicability{"port", {Type::kTcp, Type::kTls, Type::kHttp, Type::kUdp}, "tcp, tls, http, udp"},
    Applicability{"send", {Type::kTcp, Type::kTls, Type::kUdp, Type::kUdp}, "tcp, tls, udp"},
    Applicability{"expect", {Type::kTcp, Type::kTls, Type::kUdp, Type::kUdp}, "tcp, tls, udp"},
    Applicability{"path", {Type::kHttp, Type::kHttp, Type::kHttp, Type::kHttp}, "http"},
    Applicability{"status", {Type::kHttp, Type::kHttp, Type::kHttp, Type::kHttp}, "http"},
    Applicability{"server_name", {Type::kTls, Type::kHttp, Type::kHttp, Type::kHttp}, "tls, http"},
};

std::string_view word_for(HealthCheckType type) {
  const auto* const found = std::find_if(std::begin(kHealthCheckTypes), std::end(kHealthCheckTypes),
                                         [type](const auto& item) { return item.value == type; });
  return found->word;
}

/// Only keys beside the type in the file count: one that a backend inherits may be for the type of
/// other backends.
void check_health_keys(Checker& checker, const Path& block, HealthCheckType type) {
  const TreeNode* node = checker.locator.own(block);
  if (node == nullptr || node->kind != NodeKind::kMapping) return;
  for (const Applicability& rule : kApplicability) {
    if (std::find(rule.types.begin(), rule.types.end(), type) != rule.types.end()) continue;
    if (node->find(rule.key) == nullptr) continue;
    Path path = block;
    path.push_back({rule.key});
    checker.error(path, "does not apply to a health check of type " + std::string(word_for(type)) +
                            ", only to " + std::string(rule.text));
  }
  if (type == Type::kUdp && node->find("type") != nullptr && node->find("send") == nullptr) {
    checker.error(block, "a health check of type udp needs `send`: an answer takes a question");
  }
}

void check_default_health(Checker& checker) {
  const TreeNode* type = checker.locator.own(make_path("defaults", "health_check", "type"));
  HealthCheckType decoded = Type::kTcp;
  for (const Choice<HealthCheckType>& item : kHealthCheckTypes) {
    if (type != nullptr && type->text == item.word) decoded = item.value;
  }
  check_health_keys(checker, make_path("defaults", "health_check"), decoded);
}

// --- Servers ---

void check_server_tls(Checker& checker, std::size_t backend, std::size_t server,
                      const FrontendIndexes& reached_by) {
  const Config& config = checker.config;
  const ServerConfig& entry = config.backends[backend].servers[server];
  if (!entry.ssl_offload) return;
  const auto terminates = [&](std::size_t i) { return config.frontends[i].tls.has_value(); };
  const Path offload = make_path("backends", backend, "servers", server, "ssl_offload");
  if (entry.tls) {
    checker.error(offload,
                  "contradicts `tls: true`: with the one the server gets plaintext, with "
                  "the other TLS; keep one of them");
  } else if (!reached_by.empty() &&
             std::none_of(reached_by.begin(), reached_by.end(), terminates)) {
    checker.error(offload,
                  "nothing decrypts here: no frontend that reaches this server has `tls` (" +
                      names_of(config, reached_by) + ")");
  }
  const auto note_idle = [&](const std::string& value, std::string_view key) {
    if (value.empty()) return;
    checker.notice(make_path("backends", backend, "servers", server, key),
                   "idle while `ssl_offload` is true: the server is spoken to in plaintext");
  };
  note_idle(entry.ca_bundle, "ca_bundle");
  note_idle(entry.client_certificate, "client_certificate");
}

/// "frontend `web` (line 2)".
std::string reference_to(const FrontendConfig& frontend) {
  return "frontend " + quote(frontend.name) + " (" + line_of(frontend.position) + ")";
}

void check_proxy_header(Checker& checker, std::size_t backend, std::size_t server,
                        const FrontendIndexes& reached_by) {
  const Config& config = checker.config;
  const ServerConfig& entry = config.backends[backend].servers[server];
  if (entry.send_proxy_protocol != ProxyProtocolVersion::kV1) return;
  for (const std::size_t i : reached_by) {
    const FrontendConfig& frontend = config.frontends[i];
    if (frontend.protocol != Protocol::kUdp) continue;
    checker.error(make_path("backends", backend, "servers", server, "send_proxy_protocol"),
                  "version 1 has no word for UDP, and " + reference_to(frontend) +
                      " is udp: use `send_proxy_protocol: v2`");
  }
}

void check_servers(Checker& checker, std::size_t backend, const FrontendIndexes& reached_by) {
  const std::vector<ServerConfig>& servers = checker.config.backends[backend].servers;
  std::unordered_map<std::string, const ServerConfig*> first;
  for (std::size_t i = 0; i < servers.size(); ++i) {
    check_server_tls(checker, backend, i, reached_by);
    check_proxy_header(checker, backend, i, reached_by);
    if (servers[i].address.empty() || servers[i].port == 0) continue;
    const std::string place = servers[i].address + ' ' + std::to_string(servers[i].port);
    const auto [found, is_new] = first.emplace(place, &servers[i]);
    if (is_new) continue;
    checker.notice(make_path("backends", backend, "servers", i, "address"),
                   "the same address and port as server " + quote(found->second->name) + " in " +
                       line_of(found->second->position));
  }
}

// --- Backends ---

void check_persistence(Checker& checker, std::size_t backend, const FrontendIndexes& reached_by) {
  const Config& config = checker.config;
  const PersistenceKind kind = config.backends[backend].persistence.kind;
  const Path path = make_path("backends", backend, "persistence");
  for (const std::size_t i : reached_by) {
    const FrontendConfig& frontend = config.frontends[i];
    const std::string who = reference_to(frontend);
    if (kind == PersistenceKind::kCookie && frontend.protocol != Protocol::kHttp) {
      checker.error(path, "cookies need HTTP, and " + who +
                              " is not: give it `protocol: http`, or use `persistence: source_ip`");
    } else if (kind == PersistenceKind::kTlsSession && frontend.protocol == Protocol::kUdp) {
      checker.error(path,
                    "TLS sessions need TCP, and " + who + " is udp: use `persistence: source_ip`");
    } else if (kind == PersistenceKind::kTlsSession && !frontend.tls) {
      checker.error(path, "TLS sessions are known where TLS ends, and " + who +
                              " has no `tls`: use `persistence: source_ip`");
    }
  }
}

void check_counts(Checker& checker, std::size_t i) {
  const BackendConfig& backend = checker.config.backends[i];
  const TreeNode* list = checker.locator.find(make_path("backends", i, "servers")).node;
  if (list->kind != NodeKind::kSequence) return;
  if (backend.servers.empty()) {
    checker.notice(make_path("backends", i, "servers"),
                   "is empty: every connection to this backend is refused");
    return;
  }
  const auto passive = static_cast<std::size_t>(
      std::count_if(backend.servers.begin(), backend.servers.end(),
                    [](const ServerConfig& server) { return server.passive; }));
  const std::size_t active = backend.servers.size() - passive;
  if (active == 0) {
    checker.notice(make_path("backends", i, "servers"),
                   "every server is passive: they all receive traffic, as no active one is there");
  } else if (passive > 0 && backend.standby_min_active > active) {
    checker.notice(make_path("backends", i, "standby_min_active"),
                   "larger than the number of active servers (" + std::to_string(active) +
                       "): the passive ones always receive traffic");
  }
}

}  // namespace

void check_server_rules(Checker& checker) {
  check_default_health(checker);
  const auto reached_by = frontends_of_backends(checker.config);
  for (std::size_t i = 0; i < checker.config.backends.size(); ++i) {
    check_health_keys(checker, make_path("backends", i, "health_check"),
                      checker.config.backends[i].health_check.type);
    check_servers(checker, i, reached_by[i]);
    check_persistence(checker, i, reached_by[i]);
    check_counts(checker, i);
    if (reached_by[i].empty() && !checker.has_errors()) {
      checker.notice(make_path("backends", i), "no frontend uses this backend");
    }
  }
}

}  // namespace sluice::config
