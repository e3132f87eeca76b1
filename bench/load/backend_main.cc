// sluice-bench-backend: see backend.h. Prints one JSON line when it listens and one with its
// totals when SIGTERM or SIGINT ends it.
#include <signal.h>
#include <sys/signalfd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "backend.h"

namespace {

using sluice::bench::Backend;
using sluice::bench::BackendOptions;
using sluice::bench::BackendTotals;
using sluice::bench::Fd;
using sluice::bench::Service;

// Blocks the signals that stop the program and gives the descriptor that reports them.
Fd stop_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  return Fd(signalfd(-1, &signals, SFD_CLOEXEC));
}

void print_totals(const BackendTotals& totals) {
  const nlohmann::json line{{"event", "totals"},
                            {"connections", totals.connections},
                            {"bytes_received", totals.bytes_received},
                            {"bytes_sent", totals.bytes_sent},
                            {"resets", totals.resets},
                            {"handshakes", totals.tls.handshakes},
                            {"resumed", totals.tls.resumed},
                            {"corrupt_pieces", totals.corrupt_pieces}};
  std::cout << line.dump() << std::endl;
}

int run_program(int argc, char** argv) {
  const std::map<std::string, Service> services{{"echo", Service::kEcho},
                                                {"sink", Service::kSink},
                                                {"source", Service::kSource},
                                                {"request", Service::kRequest},
                                                {"http", Service::kHttp}};
  BackendOptions options;
  CLI::App app("Echo, sink, source and request servers for the benchmarks");
  app.add_option("--service", options.service, "echo, sink, source, request or http")
      ->transform(CLI::CheckedTransformer(services));
  app.add_option("--listen", options.listen, "ADDRESS:PORT; port 0 is chosen by the kernel");
  app.add_option("--listeners", options.listeners, "number of listening ports")
      ->check(CLI::Range(1, 64));
  app.add_option("--request", options.request_bytes, "request: bytes of a request")
      ->check(CLI::PositiveNumber);
  app.add_option("--response", options.response_bytes, "request: bytes of a response")
      ->check(CLI::PositiveNumber);
  app.add_flag("--udp", options.is_udp, "answer bursts of datagrams instead");
  app.add_option("--tls", options.tls_file, "speak TLS with this certificate and key (PEM)")
      ->check(CLI::ExistingFile);
  app.add_flag("--verify", options.is_verifying, "sink: compare what arrives with the pattern");
  CLI11_PARSE(app, argc, argv);

  const Fd stop = stop_signals();
  const auto backend = Backend::create(options);
  if (!backend) {
    std::cerr << "sluice-bench-backend: " << backend.error().text << '\n';
    return static_cast<int>(backend.error().exit_code);
  }
  const nlohmann::json line{{"event", "listening"}, {"ports", (*backend)->ports()}};
  std::cout << line.dump() << std::endl;
  (*backend)->serve(stop);
  print_totals((*backend)->totals());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run_program(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sluice-bench-backend: %s\n", error.what());
    return static_cast<int>(sluice::ExitCode::kUnavailable);
  }
}
