#include "config/support.h"

#include <algorithm>
#include <array>
#include <string>

#include "config/scalars.h"

namespace sluice::config {

namespace {

/// A setting that has no effect yet: its path within the entry, and whether the entry uses it.
template <typename T>
struct Unsupported {
  std::array<std::string_view, 2> key;
  bool (*is_used)(const T&);
  std::string_view advice{};
};

/// Whether a member is other than its default.
template <auto M, typename T>
bool differs(const T& entry) {
  return !(entry.*M == T{}.*M);
}

using F = FrontendConfig;
using B = BackendConfig;

constexpr Unsupported<Config> kGlobals[] = {
    {{"ktls"}, [](const Config& config) { return config.ktls == KtlsMode::kOn; }},
};

constexpr bool is_udp(const F& frontend) {
  return frontend.protocol == Protocol::kUdp;
}

constexpr Unsupported<F> kFrontends[] = {
    {{"allow"},
     [](const F& frontend) { return is_udp(frontend) && !frontend.allow.empty(); },
     " with `protocol: udp`"},
    {{"deny"},
     [](const F& frontend) { return is_udp(frontend) && !frontend.deny.empty(); },
     " with `protocol: udp`"},
};

constexpr Unsupported<B> kBackends[] = {
    {{"persistence"},
     [](const B& backend) { return backend.persistence.kind == PersistenceKind::kTlsSession; }},
    {{"outlier"}, differs<&B::outlier>},
};

/// "`protocol: udp` is not supported yet".
std::string text_for(const Locator::Place& place) {
  std::string setting = place.key_path.substr(place.key_path.rfind('.') + 1);
  if (place.node->kind == NodeKind::kScalar) setting += ": " + place.node->text;
  return quote(setting) + " is not supported yet";
}

template <typename T, std::size_t N>
void check_entry(Checker& checker, const Unsupported<T> (&table)[N], const T& entry,
                 const Path& prefix) {
  for (const Unsupported<T>& row : table) {
    if (!row.is_used(entry) || checker.drop_if_full()) continue;
    Path path = prefix;
    for (const std::string_view key : row.key) {
      if (!key.empty()) path.push_back({key});
    }
    checker.error(path, text_for(checker.locator.find(path)) + std::string(row.advice));
  }
}

}  // namespace

void check_support(Checker& checker) {
  const Config& config = checker.config;
  check_entry(checker, kGlobals, config, {});
  for (std::size_t i = 0; i < config.frontends.size(); ++i) {
    check_entry(checker, kFrontends, config.frontends[i], make_path("frontends", i));
  }
  for (std::size_t i = 0; i < config.backends.size(); ++i) {
    check_entry(checker, kBackends, config.backends[i], make_path("backends", i));
  }
}

}  // namespace sluice::config
