#include "config/validate.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "config/frontend_rules.h"
#include "config/server_rules.h"
#include "config/suggest.h"

namespace sluice::config {

namespace {

constexpr std::string_view kSystemBundle = "system";

/// Names of one kind of entry. Entries whose name did not decode have an empty one.
class Names {
 public:
  template <typename Entries>
  explicit Names(const Entries& entries) {
    for (const auto& entry : entries) {
      has_gap_ = has_gap_ || entry.name.empty();
      if (set_.insert(entry.name).second) list_.push_back(entry.name);
    }
  }

  void add(std::string_view name) {
    if (set_.insert(name).second) list_.push_back(name);
  }

  /// False only if the name is surely not there: an entry without a valid name might be meant.
  [[nodiscard]] bool may_have(std::string_view name) const {
    return name.empty() || has_gap_ || set_.contains(name);
  }
  [[nodiscard]] const std::vector<std::string_view>& list() const { return list_; }

 private:
  std::unordered_set<std::string_view> set_;
  std::vector<std::string_view> list_;
  bool has_gap_ = false;
};

/// A list that is missing, or that did not decode at all, makes every reference into it dangle;
/// that list is the mistake.
bool is_list(const Checker& checker, std::string_view key) {
  const TreeNode* node = checker.locator.own(make_path(key));
  return node != nullptr && node->kind == NodeKind::kSequence;
}

template <typename Entries>
void check_unique(Checker& checker, const Entries& entries, const Path& list,
                  std::string_view kind) {
  std::unordered_map<std::string_view, const typename Entries::value_type*> first;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto& entry = entries[i];
    if (entry.name.empty()) continue;
    const auto [found, is_new] = first.emplace(entry.name, &entry);
    if (is_new) continue;
    Path path = list;
    path.push_back({{}, i});
    path.push_back({"name"});
    checker.error(path, "duplicate name: there is already a " + std::string(kind) + " " +
                            quote(entry.name) + " in " + line_of(found->second->position));
  }
}

void check_names(Checker& checker) {
  const Config& config = checker.config;
  check_unique(checker, config.certificates, make_path("certificates"), "certificate");
  check_unique(checker, config.ca_bundles, make_path("ca_bundles"), "CA bundle");
  check_unique(checker, config.frontends, make_path("frontends"), "frontend");
  check_unique(checker, config.backends, make_path("backends"), "backend");
  for (std::size_t i = 0; i < config.backends.size(); ++i) {
    check_unique(checker, config.backends[i].servers, make_path("backends", i, "servers"),
                 "server");
  }
  for (std::size_t i = 0; i < config.ca_bundles.size(); ++i) {
    if (config.ca_bundles[i].name != kSystemBundle) continue;
    checker.error(make_path("ca_bundles", i, "name"),
                  "`system` always is the distribution's trust store; choose another name");
  }
}

class ReferenceCheck {
 public:
  explicit ReferenceCheck(Checker& checker)
      : checker_(checker),
        backends_(checker.config.backends),
        certificates_(checker.config.certificates),
        bundles_(checker.config.ca_bundles) {
    bundles_.add(kSystemBundle);
    has_backends_ = is_list(checker, "backends");
  }

  void run() {
    for (std::size_t i = 0; i < checker_.config.frontends.size(); ++i) check_frontend(i);
    for (std::size_t i = 0; i < checker_.config.backends.size(); ++i) check_backend(i);
  }

 private:
  void check_frontend(std::size_t i) {
    const FrontendConfig& frontend = checker_.config.frontends[i];
    check_backend_name(frontend.backend, make_path("frontends", i, "backend"));
    for (std::size_t j = 0; j < frontend.routes.size(); ++j) {
      check_backend_name(frontend.routes[j].backend,
                         make_path("frontends", i, "routes", j, "backend"));
    }
    if (!frontend.tls) return;
    for (std::size_t j = 0; j < frontend.tls->certificates.size(); ++j) {
      check(certificates_, frontend.tls->certificates[j], "certificate",
            make_path("frontends", i, "tls", "certificates", j));
    }
    check(bundles_, frontend.tls->client_ca, "CA bundle",
          make_path("frontends", i, "tls", "client_ca"));
  }

  void check_backend(std::size_t i) {
    const std::vector<ServerConfig>& servers = checker_.config.backends[i].servers;
    for (std::size_t j = 0; j < servers.size(); ++j) {
      check(bundles_, servers[j].ca_bundle, "CA bundle",
            make_path("backends", i, "servers", j, "ca_bundle"));
      check(certificates_, servers[j].client_certificate, "certificate",
            make_path("backends", i, "servers", j, "client_certificate"));
    }
  }

  void check_backend_name(const std::string& name, const Path& path) {
    if (has_backends_) check(backends_, name, "backend", path);
  }

  void check(const Names& names, const std::string& name, std::string_view kind, const Path& path) {
    if (names.may_have(name)) return;
    checker_.error(path, "there is no " + std::string(kind) + " " + quote(name) +
                             suggester_.suggest(name, names.list()));
  }

  Checker& checker_;
  Names backends_;
  Names certificates_;
  Names bundles_;
  Suggester suggester_;
  bool has_backends_ = true;
};

std::unordered_map<std::string_view, std::size_t> backend_indexes(const Config& config) {
  std::unordered_map<std::string_view, std::size_t> out;
  for (std::size_t i = 0; i < config.backends.size(); ++i) {
    out.emplace(config.backends[i].name, i);
  }
  return out;
}

}  // namespace

std::vector<std::vector<std::size_t>> frontends_of_backends(const Config& config) {
  std::vector<std::vector<std::size_t>> out(config.backends.size());
  const auto indexes = backend_indexes(config);
  const auto reach = [&](std::size_t frontend, const std::string& backend) {
    const auto found = indexes.find(backend);
    if (backend.empty() || found == indexes.end()) return;
    std::vector<std::size_t>& frontends = out[found->second];
    if (frontends.empty() || frontends.back() != frontend) frontends.push_back(frontend);
  };
  for (std::size_t i = 0; i < config.frontends.size(); ++i) {
    reach(i, config.frontends[i].backend);
    for (const RouteConfig& route : config.frontends[i].routes) reach(i, route.backend);
  }
  return out;
}

void apply_dependent_defaults(Config& config, const Locator& locator) {
  for (FrontendConfig& frontend : config.frontends) {
    const bool is_http_tls = frontend.protocol == Protocol::kHttp && frontend.tls;
    if (is_http_tls && frontend.tls->alpn.empty()) frontend.tls->alpn = {std::string(kHttpAlpn)};
  }
  const auto reached_by = frontends_of_backends(config);
  for (std::size_t i = 0; i < config.backends.size(); ++i) {
    const auto is_udp = [&](std::size_t frontend) {
      return config.frontends[frontend].protocol == Protocol::kUdp;
    };
    const bool is_only_udp =
        !reached_by[i].empty() && std::all_of(reached_by[i].begin(), reached_by[i].end(), is_udp);
    if (!is_only_udp) continue;
    if (!locator.is_given(make_path("backends", i, "all_down"))) {
      config.backends[i].all_down = AllDown::kTryAnyway;
    }
    // Few UDP servers take TCP connections: a check that was not asked for would take them down.
    if (!locator.is_given(make_path("backends", i, "health_check"))) {
      config.backends[i].health_check.type = HealthCheckType::kNone;
    }
  }
}

void validate(Checker& checker) {
  check_names(checker);
  ReferenceCheck(checker).run();
  check_frontend_rules(checker);
  check_server_rules(checker);
}

}  // namespace sluice::config
