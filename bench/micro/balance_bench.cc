// What a pick costs, for every policy and number of servers: each session pays it once.
#include <benchmark/benchmark.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "balance/backend.h"
#include "balance/hash.h"
#include "balance/maglev.h"
#include "balance/registry.h"

namespace {

using sluice::balance::Backend;
using sluice::balance::Candidate;
using sluice::balance::make_policy;
using sluice::balance::ServerRegistry;
using sluice::balance::ServerState;

// A backend of `count` servers with weights 1 to 4 and its live state.
class Fixture {
 public:
  Fixture(const char* policy_name, std::size_t count) : registry_(1) {
    const auto state = registry_.backend("bench");
    std::vector<Candidate> candidates;
    for (std::size_t n = 0; n < count; ++n) {
      servers_.push_back(registry_.server("bench", "s" + std::to_string(n)));
      const auto weight = static_cast<std::uint16_t>(1 + n % 4);
      candidates.push_back({.state = servers_.back().get(), .weight = weight});
    }
    auto policy = make_policy(policy_name, {.workers = 1, .servers = count});
    if (!policy) return;
    backend_ = std::make_unique<Backend>(*state, std::move(candidates),
                                         sluice::balance::BackendRules{}, std::move(*policy));
  }

  // Null where the policy does not exist.
  [[nodiscard]] Backend* backend() { return backend_.get(); }
  [[nodiscard]] ServerState& server(std::size_t index) { return *servers_[index]; }

 private:
  ServerRegistry registry_;
  std::vector<std::shared_ptr<ServerState>> servers_;
  std::unique_ptr<Backend> backend_;
};

// Sessions begin and end as on a busy worker: 1,000 are open at any time.
void pick(benchmark::State& state, const char* policy_name) {
  Fixture fixture(policy_name, static_cast<std::size_t>(state.range(0)));
  if (fixture.backend() == nullptr) {
    state.SkipWithError("no such policy");
    return;
  }
  const sluice::Endpoint client;
  std::array<ServerState*, 1000> open{};
  std::size_t next = 0;
  std::uint64_t serial = 0;
  while (state.KeepRunning()) {
    const auto picked = fixture.backend()->pick(
        {.worker = 0, .client = client, .tried = {}, .key = sluice::balance::rehash(++serial)});
    if (!picked) {
      state.SkipWithError("no server was picked");
      return;
    }
    ServerState& server = fixture.server(*picked);
    server.session_began(0);
    if (open[next] != nullptr) open[next]->session_ended();
    open[next] = &server;
    next = (next + 1) % open.size();
  }
  state.SetItemsProcessed(state.iterations());
}

BENCHMARK_CAPTURE(pick, round_robin, "round_robin")->Arg(2)->Arg(100)->Arg(10'000);
BENCHMARK_CAPTURE(pick, least_connections, "least_connections")->Arg(2)->Arg(100)->Arg(10'000);
BENCHMARK_CAPTURE(pick, random, "random")->Arg(2)->Arg(100)->Arg(10'000);
BENCHMARK_CAPTURE(pick, source_hash, "source_hash")->Arg(2)->Arg(100)->Arg(10'000);
BENCHMARK_CAPTURE(pick, first, "first")->Arg(2)->Arg(100)->Arg(10'000);

// What a reload pays for a backend with source_hash.
void maglev_build(benchmark::State& state) {
  std::vector<std::string> names;
  for (std::int64_t n = 0; n < state.range(0); ++n) names.push_back("s" + std::to_string(n));
  std::vector<sluice::balance::MaglevServer> servers;
  for (std::uint32_t n = 0; n < names.size(); ++n) {
    servers.push_back({names[n], n, static_cast<std::uint16_t>(1 + n % 4)});
  }
  const auto size = sluice::balance::MaglevTable::size_for(servers.size());
  while (state.KeepRunning()) {
    const sluice::balance::MaglevTable table(servers, size);
    benchmark::DoNotOptimize(table.entries().data());
  }
}

BENCHMARK(maglev_build)->Arg(2)->Arg(10)->Arg(100)->Arg(1'000)->Arg(10'000);

}  // namespace
