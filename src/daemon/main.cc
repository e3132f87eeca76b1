// The command line of `sluice` (contract, section 1).
#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <utility>

#include "daemon/check.h"
#include "daemon/inherited_sockets.h"
#include "daemon/supervisor.h"
#include "daemon/system_report.h"

namespace {

using sluice::ExitCode;

int status_of(ExitCode code) {
  return static_cast<int>(code);
}

ExitCode serve(const std::string& file, sluice::daemon::InheritedSockets inherited) {
  if (const auto able = sluice::daemon::check_requirements(); !able) {
    std::fprintf(stderr, "sluice: %s\n", able.error().text.c_str());
    return able.error().exit_code;
  }
  ExitCode code = ExitCode::kDone;
  {
    sluice::daemon::Supervisor supervisor(file, std::move(inherited));
    code = supervisor.run();
  }
  if (sluice::daemon::Log::is_stuck()) std::_Exit(status_of(code));
  return code;
}

}  // namespace

// What may still be thrown is bad_alloc, which ends the process as it should.
// NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) {
  auto inherited = sluice::daemon::InheritedSockets::take();
  CLI::App app("Layer-4 load balancer and TLS-offloading proxy", "sluice");
  std::string file;
  bool is_check = false;
  bool is_version = false;
  app.add_option("-c,--config", file, "the YAML configuration file");
  app.add_flag("-t,--check", is_check, "read the configuration, report every error, start nothing");
  app.add_flag("-V,--version", is_version, "version, build, and what this kernel offers");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "sluice: %s; see 'sluice --help'\n", error.what());
    return status_of(ExitCode::kUsage);
  }
  if (is_version) {
    std::fputs(sluice::daemon::version_report().c_str(), stdout);
    return status_of(ExitCode::kDone);
  }
  if (file.empty()) {
    std::fputs("sluice: no configuration given; use 'sluice --config FILE'\n", stderr);
    return status_of(ExitCode::kUsage);
  }
  return status_of(is_check ? sluice::daemon::check_file(file, std::cerr)
                            : serve(file, std::move(inherited)));
}
