// A reload of many servers: reading and checking the file, and making the table of it.
#include <benchmark/benchmark.h>

#include <string>

#include "config/load.h"
#include "daemon/table_compiler.h"

namespace {

// One frontend, and backends of 100 servers each.
std::string document_of(std::int64_t servers) {
  std::string text =
      "frontends:\n  - {name: web, listen: \"127.0.0.1:8080\", backend: b0}\nbackends:\n";
  for (std::int64_t n = 0; n < servers; ++n) {
    const std::string number = std::to_string(n);
    if (n % 100 == 0) text += "  - name: b" + std::to_string(n / 100) + "\n    servers:\n";
    text += "      - {name: s" + number + ", address: 10." + std::to_string(n / 65536) + "." +
            std::to_string(n / 256 % 256) + "." + std::to_string(n % 256) + ", port: 8080}\n";
  }
  return text;
}

void load(benchmark::State& state) {
  const std::string text = document_of(state.range(0));
  while (state.KeepRunning()) {
    const auto loaded = sluice::config::load_text(text, "bench.yaml");
    if (!loaded.config) {
      state.SkipWithError(loaded.diagnostics.empty() ? "refused"
                                                     : loaded.diagnostics[0].text.c_str());
      return;
    }
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
  state.counters["servers"] = static_cast<double>(state.range(0));
}

// As a reload does it: the state of every server is there already.
void compile(benchmark::State& state) {
  const auto loaded = sluice::config::load_text(document_of(state.range(0)), "bench.yaml");
  if (!loaded.config) {
    state.SkipWithError("refused");
    return;
  }
  sluice::daemon::StateRegistry registry(2);
  auto in_force = sluice::daemon::compile(*loaded.config, 0, registry);
  std::uint64_t generation = 0;
  while (state.KeepRunning()) {
    auto next = sluice::daemon::compile(*loaded.config, ++generation, registry);
    if (!next) {
      state.SkipWithError(next.error().text.c_str());
      return;
    }
    in_force = std::move(next);
  }
  state.counters["servers"] = static_cast<double>(state.range(0));
}

BENCHMARK(compile)->Arg(10)->Arg(1000)->Arg(10'000)->Unit(benchmark::kMillisecond);

BENCHMARK(load)->Arg(10)->Arg(1000)->Arg(10'000)->Unit(benchmark::kMillisecond);

}  // namespace
