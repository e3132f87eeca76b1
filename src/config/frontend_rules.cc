#include "config/frontend_rules.h"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <vector>

namespace sluice::config {

namespace {

/// Who listens on an address, for the message about the second one.
struct Listener {
  const FrontendConfig* frontend;  ///< null: the admin interface
  const ListenAddress* address;
};

std::string name_of(const FrontendConfig* frontend) {
  if (frontend == nullptr) return "the admin interface";
  if (frontend->name.empty()) return "the frontend in " + line_of(frontend->position);
  return "frontend " + quote(frontend->name);
}

/// What nobody else may have: one for each port of a range.
std::vector<std::string> listener_keys(const ListenAddress& address, Protocol protocol) {
  if (address.kind == ListenKind::kUnix) return {"unix " + address.path};
  if (address.kind == ListenKind::kFd) return {"fd " + std::to_string(address.fd)};
  const std::string transport = protocol == Protocol::kUdp ? "udp " : "tcp ";
  std::vector<std::string> keys;
  for (unsigned port = address.port; port <= std::max(address.port, address.last_port); ++port) {
    keys.push_back(transport + address.host + ' ' + std::to_string(port));
  }
  return keys;
}

bool has_decoded(const ListenAddress& address) {
  return !address.text.empty();
}

class ListenerCheck {
 public:
  explicit ListenerCheck(Checker& checker) : checker_(checker) {}

  void run() {
    const Config& config = checker_.config;
    for (std::size_t i = 0; i < config.frontends.size(); ++i) {
      const FrontendConfig& frontend = config.frontends[i];
      for (std::size_t j = 0; j < frontend.listen.size(); ++j) {
        add(frontend.listen[j], frontend.protocol, &frontend,
            make_path("frontends", i, "listen", j));
      }
    }
    if (config.admin.listen) {
      add(*config.admin.listen, Protocol::kTcp, nullptr, make_path("admin", "listen"));
    }
  }

 private:
  void add(const ListenAddress& address, Protocol protocol, const FrontendConfig* frontend,
           const Path& path) {
    if (!has_decoded(address)) return;
    check_transport(address, protocol, path);
    const Listener self{frontend, &address};
    const Listener* other = nullptr;
    for (const std::string& key : listener_keys(address, protocol)) {
      const auto [found, is_new] = first_.emplace(key, self);
      if (!is_new && other == nullptr) other = &found->second;
    }
    if (other != nullptr) complain(self, *other, path);
  }

  void complain(const Listener& self, const Listener& first, const Path& path) {
    const std::string there = quote(first.address->text);
    const std::string own = quote(self.address->text);
    if (first.frontend != self.frontend) {
      return checker_.error(path, name_of(first.frontend) + " already listens on " + there + ", " +
                                      line_of(first.address->position));
    }
    const bool is_range = self.address->last_port != 0 || first.address->last_port != 0;
    checker_.error(path, is_range && there != own ? own + " has ports that " + there + " has, too"
                                                  : "is listed twice: " + own);
  }

  void check_transport(const ListenAddress& address, Protocol protocol, const Path& path) {
    if (protocol != Protocol::kUdp || address.kind == ListenKind::kIp) return;
    checker_.error(path, quote(address.text) +
                             " is for connections: `protocol: udp` listens on "
                             "IP addresses only");
  }

  Checker& checker_;
  std::unordered_map<std::string, Listener> first_;
};

void check_targets(Checker& checker, std::size_t i) {
  const FrontendConfig& frontend = checker.config.frontends[i];
  if (!checker.locator.is_given(make_path("frontends", i, "backend")) && frontend.routes.empty()) {
    checker.error(make_path("frontends", i, "backend"), "missing: a frontend needs `backend`");
  }
  const TreeNode* listen = checker.locator.own(make_path("frontends", i, "listen"));
  if (listen != nullptr && listen->kind == NodeKind::kSequence && listen->entries.empty()) {
    checker.error(make_path("frontends", i, "listen"), "is empty: a frontend needs an address");
  }
}

void check_routes(Checker& checker, std::size_t i) {
  const FrontendConfig& frontend = checker.config.frontends[i];
  if (!frontend.routes.empty() && frontend.protocol == Protocol::kUdp) {
    checker.error(make_path("frontends", i, "routes"),
                  "routes need the server name of a TLS connection: not with `protocol: udp`");
  }
  if (!frontend.routes.empty() && frontend.protocol == Protocol::kHttp && !frontend.tls) {
    checker.error(make_path("frontends", i, "routes"),
                  "routes need the server name of a TLS connection: `protocol: http` needs `tls`");
  }
  std::unordered_map<std::string_view, SourcePosition> first;
  for (std::size_t j = 0; j < frontend.routes.size(); ++j) {
    const RouteConfig& route = frontend.routes[j];
    if (route.sni.empty()) continue;
    const auto [found, is_new] = first.emplace(route.sni, route.position);
    if (is_new) continue;
    checker.error(
        make_path("frontends", i, "routes", j, "sni"),
        "there is already a route for " + quote(route.sni) + " in " + line_of(found->second));
  }
}

void check_tls(Checker& checker, std::size_t i) {
  const FrontendConfig& frontend = checker.config.frontends[i];
  if (!frontend.tls) return;
  if (frontend.protocol == Protocol::kUdp) {
    checker.error(make_path("frontends", i, "tls"), "TLS needs TCP: not with `protocol: udp`");
  }
  const Path certificates = make_path("frontends", i, "tls", "certificates");
  const TreeNode* list = checker.locator.find(certificates).node;
  if (list->kind == NodeKind::kSequence && list->entries.empty()) {
    checker.error(certificates, "is empty: TLS needs at least one certificate");
  }
  const Path client_verify = make_path("frontends", i, "tls", "client_verify");
  if (checker.locator.is_given(client_verify) &&
      !checker.locator.is_given(make_path("frontends", i, "tls", "client_ca"))) {
    checker.error(client_verify,
                  "needs `client_ca`: the bundle that client certificates come from");
  }
}

void check_http_alpn(Checker& checker, std::size_t i) {
  const auto& tls = checker.config.frontends[i].tls;
  for (std::size_t j = 0; tls && j < tls->alpn.size(); ++j) {
    if (tls->alpn[j] == kHttpAlpn) continue;
    checker.error(make_path("frontends", i, "tls", "alpn", j),
                  "`protocol: http` is HTTP/1.1: leave it out, or offer `http/1.1` only");
  }
}

void check_http(Checker& checker, std::size_t i) {
  const FrontendConfig& frontend = checker.config.frontends[i];
  if (frontend.protocol == Protocol::kHttp) return check_http_alpn(checker, i);
  if (!frontend.forwarded) return;
  checker.error(make_path("frontends", i, "forwarded"),
                "needs `protocol: http`: other connections have no headers to add to");
}

void check_proxy_networks(Checker& checker, std::size_t i) {
  const FrontendConfig& frontend = checker.config.frontends[i];
  if (frontend.accept_proxy_protocol && frontend.protocol == Protocol::kUdp) {
    checker.error(make_path("frontends", i, "accept_proxy_protocol"),
                  "PROXY headers come on TCP connections: not with `protocol: udp`");
  }
  const Path path = make_path("frontends", i, "accept_proxy_protocol", "from");
  const TreeNode* list = checker.locator.own(path);
  if (list != nullptr && list->kind == NodeKind::kSequence && list->entries.empty()) {
    checker.error(path, "is empty: name the networks whose PROXY header is believed");
  }
}

/// Those of `defaults` are for the frontends that can have them.
void check_limits(Checker& checker, std::size_t i) {
  if (checker.config.frontends[i].protocol != Protocol::kUdp) return;
  for (const std::string_view key : {"max_connections", "max_connections_per_ip"}) {
    const Path path = make_path("frontends", i, key);
    if (checker.locator.own(path) == nullptr) continue;
    checker.error(path,
                  "datagrams have no connections: not with `protocol: udp`; `udp.max_flows` of the "
                  "backend limits flows");
  }
}

}  // namespace

void check_frontend_rules(Checker& checker) {
  ListenerCheck(checker).run();
  for (std::size_t i = 0; i < checker.config.frontends.size(); ++i) {
    const TreeNode* entry = checker.locator.own(make_path("frontends", i));
    if (entry == nullptr || entry->kind != NodeKind::kMapping) continue;
    check_targets(checker, i);
    check_routes(checker, i);
    check_tls(checker, i);
    check_http(checker, i);
    check_proxy_networks(checker, i);
    check_limits(checker, i);
  }
  const TreeNode* frontends = checker.locator.own(make_path("frontends"));
  if (frontends != nullptr && frontends->kind == NodeKind::kSequence &&
      frontends->entries.empty()) {
    checker.error(make_path("frontends"), "is empty: there is nothing to serve");
  }
}

}  // namespace sluice::config
