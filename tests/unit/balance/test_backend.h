// A backend for tests: servers by name, picks by name, health at the push of a button, and reloads
// that keep the live state, as the compiled tables do it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "balance/backend.h"
#include "balance/hash.h"
#include "balance/registry.h"

namespace sluice::balance {

struct ServerSpec {
  std::string name;
  std::uint16_t weight = 1;
  bool is_passive = false;
  std::uint32_t max_sessions = 0;
};

/// `a`, `b`, … with these weights.
inline std::vector<ServerSpec> servers_of_weights(const std::vector<std::uint16_t>& weights) {
  std::vector<ServerSpec> specs;
  for (const std::uint16_t weight : weights) {
    specs.push_back(
        {.name = std::string(1, static_cast<char>('a' + specs.size())), .weight = weight});
  }
  return specs;
}

/// Ten of weight 1.
inline std::vector<ServerSpec> ten_servers() {
  return servers_of_weights(std::vector<std::uint16_t>(10, 1));
}

class TestBackend {
 public:
  TestBackend(std::string policy, std::vector<ServerSpec> specs, BackendRules rules = {},
              std::size_t workers = 1)
      : registry_(workers), workers_(workers), policy_(std::move(policy)), rules_(rules) {
    reload(std::move(specs));
  }

  /// A new table over the live state of the same names; the old one is freed afterwards.
  void reload(std::vector<ServerSpec> specs) {
    specs_ = std::move(specs);
    auto backend_state = registry_.backend("shop");
    std::vector<std::shared_ptr<ServerState>> states;
    std::vector<Candidate> candidates;
    for (const ServerSpec& spec : specs_) {
      states.push_back(registry_.server("shop", spec.name));
      candidates.push_back({.state = states.back().get(),
                            .weight = spec.weight,
                            .is_passive = spec.is_passive,
                            .max_sessions = spec.max_sessions});
    }
    auto policy = make_policy(policy_, {.workers = workers_, .servers = specs_.size()});
    if (!policy) throw std::runtime_error(policy.error().text);
    backend_ = std::make_unique<Backend>(*backend_state, std::move(candidates), rules_,
                                         std::move(*policy));
    backend_->come_into_force();
    states_ = std::move(states);
    backend_state_ = std::move(backend_state);
    registry_.prune();
  }
  void reload() { reload(specs_); }

  Backend& backend() { return *backend_; }
  ServerState& server(std::string_view name) { return *states_.at(index_of(name)); }
  ServerRegistry& registry() { return registry_; }

  std::uint32_t index_of(std::string_view name) const {
    const auto at = std::find_if(specs_.begin(), specs_.end(),
                                 [name](const ServerSpec& spec) { return spec.name == name; });
    if (at == specs_.end()) throw std::out_of_range(std::string(name));
    return static_cast<std::uint32_t>(at - specs_.begin());
  }

  /// The name picked for a client that was never there before; `-` where all are down, `full` where
  /// all are full.
  std::string pick(const std::vector<std::string>& tried = {}, std::uint32_t worker = 0) {
    std::vector<std::uint32_t> indices;
    for (const std::string& name : tried) indices.push_back(index_of(name));
    const auto picked = backend_->pick(
        {.worker = worker, .client = client_, .tried = indices, .key = rehash(++clients_)});
    if (picked) return specs_[*picked].name;
    return picked.error() == NoServer::kAllDown ? "-" : "full";
  }

  /// The name picked for the client with this key.
  std::string pick_for(std::uint64_t key, std::uint32_t worker = 0) {
    const auto picked =
        backend_->pick({.worker = worker, .client = client_, .tried = {}, .key = key});
    return picked ? specs_[*picked].name : "-";
  }

  /// The name picked for the client with this address, at this time.
  std::string pick_from(const std::string& ip, base::TimePoint now = {},
                        const std::vector<std::string>& tried = {}, std::uint32_t worker = 0) {
    std::vector<std::uint32_t> indices;
    for (const std::string& name : tried) indices.push_back(index_of(name));
    const Endpoint client = Endpoint::from_ip(ip, 1024).value();
    const auto picked =
        backend_->pick({.worker = worker, .client = client, .tried = indices, .now = now});
    return picked ? specs_[*picked].name : "-";
  }

  /// So many picks in a row, joined: "aabacaa".
  std::string picks(int count, std::uint32_t worker = 0) {
    std::string sequence;
    for (int i = 0; i < count; ++i) sequence += pick({}, worker);
    return sequence;
  }

  /// How often each server comes in so many picks.
  std::map<std::string, int> spread(int count, std::uint32_t worker = 0) {
    std::map<std::string, int> counts;
    for (int i = 0; i < count; ++i) ++counts[pick({}, worker)];
    return counts;
  }

  void set_down(std::string_view name) {
    server(name).start_checks({.fall = 1, .rise = 1}, {});
    server(name).on_check(CheckOutcome::kFailure, "connection refused", {});
  }
  void set_up(std::string_view name) {
    server(name).start_checks({.fall = 1, .rise = 1}, {});
    server(name).on_check(CheckOutcome::kSuccess, "ok", {});
  }

 private:
  ServerRegistry registry_;
  std::size_t workers_;
  std::string policy_;
  BackendRules rules_;
  std::vector<ServerSpec> specs_;
  std::shared_ptr<BackendState> backend_state_;
  std::vector<std::shared_ptr<ServerState>> states_;
  std::unique_ptr<Backend> backend_;
  Endpoint client_;
  std::uint64_t clients_ = 0;
};

}  // namespace sluice::balance
