// sluice-bench-load: the client side of the benchmarks. Obeys lines on its standard input, so that
// whoever measures the proxy can look at it while it stands still:
//
//   run SECONDS   load for that long, then print one JSON line
//   once          one unit on every connection, then print one JSON line
//   queued        print how many bytes have arrived and were not read
//
// The end of the input closes the connections and ends the program.
#include <sys/prctl.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>

#include "datagram_load.h"
#include "exchange_load.h"
#include "options.h"
#include "pattern.h"
#include "runner.h"
#include "stream_load.h"

namespace {

using namespace sluice::bench;  // NOLINT: the program's own namespace
using sluice::ExitCode;
using sluice::Result;

constexpr Duration kLongestOnce = std::chrono::seconds(30);

nlohmann::json latency_json(const Histogram& latency) {
  return {{"count", latency.count()},
          {"mean", latency.mean()},
          {"max", latency.max()},
          {"p10", latency.quantile(0.10)},
          {"p25", latency.quantile(0.25)},
          {"p50", latency.quantile(0.50)},
          {"p75", latency.quantile(0.75)},
          {"p90", latency.quantile(0.90)},
          {"p99", latency.quantile(0.99)},
          {"p99_9", latency.quantile(0.999)},
          {"p99_99", latency.quantile(0.9999)}};
}

void print_run(const Tally& tally, Duration elapsed) {
  const Failures& failures = tally.failures;
  const nlohmann::json line{{"event", "run"},
                            {"seconds", to_seconds(elapsed)},
                            {"units", tally.units},
                            {"bytes_sent", tally.bytes_sent},
                            {"bytes_received", tally.bytes_received},
                            {"connections", tally.connections},
                            {"missed", tally.missed},
                            {"lost", tally.lost},
                            {"handshakes", tally.tls.handshakes},
                            {"resumed", tally.tls.resumed},
                            {"failures",
                             {{"connect", failures.connect},
                              {"handshake", failures.handshake},
                              {"reset", failures.reset},
                              {"early_end", failures.early_end},
                              {"corrupt", failures.corrupt},
                              {"unanswered", failures.unanswered}}},
                            {"latency_ns", latency_json(tally.latency)}};
  std::cout << line.dump() << std::endl;
}

void print_queued(std::uint64_t bytes) {
  std::cout << nlohmann::json{{"event", "queued"}, {"bytes", bytes}}.dump() << std::endl;
}

Pace pace_of(const LoadOptions& options) {
  if (options.is_bursty) return Pace::kBursts;
  return options.rate_per_second > 0 ? Pace::kByClock : Pace::kNonStop;
}

// `run SECONDS` or `once`.
Result<RunPlan> parse_command(const std::string& line, const LoadOptions& options) {
  if (line == "once") return RunPlan{Pace::kOnce, kLongestOnce};
  double seconds = 0;
  if (line.rfind("run ", 0) == 0) {
    std::from_chars(line.data() + 4, line.data() + line.size(), seconds);
  }
  if (seconds <= 0) return sluice::fail("unknown command: " + line, ExitCode::kUsage);
  const auto length = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
  return RunPlan{pace_of(options), length};
}

std::unique_ptr<Workload> make_workload(const LoadOptions& options, Poller& poller) {
  if (options.is_udp) return std::make_unique<DatagramLoad>(options, poller);
  if (options.mode == Mode::kDownload || options.mode == Mode::kUpload) {
    return std::make_unique<StreamLoad>(options, poller);
  }
  return std::make_unique<ExchangeLoad>(options, poller);
}

Result<void> obey(const LoadOptions& options) {
  Result<Poller> poller = Poller::create();
  if (!poller) return tl::unexpected(poller.error());
  const std::unique_ptr<Workload> workload = make_workload(options, *poller);
  Result<void> opened = workload->open();
  if (!opened) return opened;
  std::cout << nlohmann::json{{"event", "ready"}}.dump() << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    if (line == "queued") {
      print_queued(workload->queued_bytes());
      continue;
    }
    const Result<RunPlan> plan = parse_command(line, options);
    if (!plan) return tl::unexpected(plan.error());
    const Duration elapsed = run(*workload, *poller, *plan);
    print_run(workload->tally(), elapsed);
  }
  return {};
}

void add_options(CLI::App& app, LoadOptions& options) {
  static const std::map<std::string, Mode> modes{{"echo", Mode::kEcho},
                                                 {"short", Mode::kShort},
                                                 {"download", Mode::kDownload},
                                                 {"upload", Mode::kUpload}};
  app.add_option("--mode", options.mode, "echo, short, download or upload")
      ->required()
      ->transform(CLI::CheckedTransformer(modes));
  app.add_option("--target", options.targets, "ADDRESS:PORT; several are taken in turn")
      ->required();
  app.add_option("--connections", options.connections, "connections, or concurrent slots")
      ->check(CLI::PositiveNumber);
  app.add_option("--sources", options.sources, "number of 127.0.0.x addresses to connect from")
      ->check(CLI::Range(1, 200));
  app.add_option("--rate", options.rate_per_second, "open loop: units a second; 0: closed loop")
      ->check(CLI::NonNegativeNumber);
  app.add_flag("--bursts", options.is_bursty, "all connections at once, again and again");
  app.add_flag("--udp", options.is_udp, "echo over UDP: a connection is a socket, a flow");
  app.add_option("--burst", options.burst, "udp: datagrams of a request")
      ->check(CLI::Range(1, 100'000));
  app.add_option("--outstanding", options.outstanding, "udp: exchanges at a time; 0: all");
  app.add_option("--request", options.shape.request_bytes, "bytes of a request")
      ->check(CLI::PositiveNumber);
  app.add_option("--response", options.shape.response_bytes, "bytes of a response")
      ->check(CLI::PositiveNumber);
  app.add_flag("--verify", options.shape.is_verifying, "compare what arrives with the pattern");
}

void add_tls_options(CLI::App& app, TlsClientOptions& tls) {
  app.add_flag("--tls", tls.is_on, "speak TLS; certificates are not verified");
  app.add_option("--tls-version", tls.version, "1.2 or 1.3, and no other")
      ->check(CLI::IsMember({"1.2", "1.3"}));
  app.add_option("--tls-cipher", tls.cipher, "the only cipher suite; default: AES-128-GCM");
  app.add_option("--tls-name", tls.server_name, "the server's name (SNI)");
  app.add_flag("--tls-resume", tls.is_resuming, "each connection with the session before it");
}

// The request of a file takes the place of the pattern.
Result<void> read_request(const std::string& path, ExchangeShape& shape) {
  if (path.empty()) return {};
  std::ifstream file(path, std::ios::binary);
  shape.request.assign(std::istreambuf_iterator<char>(file), {});
  if (!file || shape.request.empty() || shape.request.size() > Pattern::kPiece) {
    return sluice::fail(path + ": cannot be read, or is empty or too large", ExitCode::kUsage);
  }
  shape.request_bytes = shape.request.size();
  return {};
}

int run_program(int argc, char** argv) {
  LoadOptions options;
  CLI::App app("Load generator of the benchmarks");
  add_options(app, options);
  add_tls_options(app, options.tls);
  std::string request_file;
  app.add_option("--request-file", request_file, "HTTP: a request; --response counts head and body")
      ->check(CLI::ExistingFile);
  CLI11_PARSE(app, argc, argv);
  // The default slack of 50 us would delay every intended time of the open loop.
  prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
  Result<void> outcome = read_request(request_file, options.shape);
  if (outcome) outcome = obey(options);
  if (outcome) return 0;
  std::cerr << "sluice-bench-load: " << outcome.error().text << '\n';
  return static_cast<int>(outcome.error().exit_code);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run_program(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sluice-bench-load: %s\n", error.what());
    return static_cast<int>(ExitCode::kUnavailable);
  }
}
