#include "daemon/check.h"

#include <algorithm>
#include <ostream>
#include <string>

#include "config/load.h"
#include "daemon/tls_compiler.h"

namespace sluice::daemon {

namespace {

std::string count_text(std::size_t count, std::string_view noun) {
  return std::to_string(count) + ' ' + std::string(noun) + (count == 1 ? "" : "s");
}

std::string good_text(const Config& config) {
  std::size_t servers = 0;
  for (const BackendConfig& backend : config.backends) servers += backend.servers.size();
  return "good: " + count_text(config.frontends.size(), "frontend") + ", " +
         count_text(config.backends.size(), "backend") + ", " + count_text(servers, "server");
}

}  // namespace

ExitCode check_file(const std::filesystem::path& file, std::ostream& out) {
  const config::Loaded loaded = config::load(file);
  for (const Diagnostic& diagnostic : loaded.diagnostics) out << diagnostic.to_string() << '\n';
  if (loaded.config) {
    // Only OpenSSL knows whether a certificate is strong enough to be shown to clients.
    if (const auto tls = check_tls(*loaded.config); !tls) {
      const Diagnostic problem{file.string(), 0, 0, Severity::kError, "", tls.error().text};
      out << problem.to_string() << '\n' << file.string() << ": 1 error\n";
      return ExitCode::kNo;
    }
    out << file.string() << ": " << good_text(*loaded.config) << '\n';
    return ExitCode::kDone;
  }
  const auto errors = std::count_if(
      loaded.diagnostics.begin(), loaded.diagnostics.end(),
      [](const Diagnostic& diagnostic) { return diagnostic.severity == Severity::kError; });
  out << file.string() << ": " << count_text(static_cast<std::size_t>(errors), "error") << '\n';
  return ExitCode::kNo;
}

}  // namespace sluice::daemon
