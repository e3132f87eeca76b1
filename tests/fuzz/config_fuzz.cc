// Any text may be given as a configuration: it is refused with a place in the text, or it gives a
// Config that obeys its own rules.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "config/load.h"

namespace {

using sluice::Diagnostic;
using sluice::Severity;
using sluice::config::Loaded;

void require(bool condition) {
  if (!condition) std::abort();
}

bool is_error(const Diagnostic& diagnostic) {
  return diagnostic.severity == Severity::kError;
}

bool is_in_order(const Diagnostic& left, const Diagnostic& right) {
  return left.line < right.line || (left.line == right.line && left.column <= right.column);
}

void require_good_diagnostics(const Loaded& loaded, int lines) {
  const auto& all = loaded.diagnostics;
  require(loaded.config.has_value() == std::none_of(all.begin(), all.end(), is_error));
  for (std::size_t i = 0; i < all.size(); ++i) {
    require(all[i].line >= 1 && all[i].line <= lines && all[i].column >= 1);
    require(all[i].to_string().find('\n') == std::string::npos);
    require(i == 0 || is_in_order(all[i - 1], all[i]));
  }
}

void require_valid(const sluice::Config& config) {
  require(!config.frontends.empty());
  for (const auto& frontend : config.frontends) {
    require(!frontend.name.empty() && !frontend.listen.empty());
    const auto has_name = [&](const auto& backend) { return backend.name == frontend.backend; };
    require(std::any_of(config.backends.begin(), config.backends.end(), has_name));
  }
  for (const auto& backend : config.backends) {
    require(!backend.name.empty());
    for (const auto& server : backend.servers) {
      require(!server.name.empty() && !server.address.empty() && server.port != 0);
      require(server.weight <= 256);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  const auto lines = static_cast<int>(std::count(text.begin(), text.end(), '\n')) + 1;
  const Loaded loaded = sluice::config::load_text(text, "/nonexistent/fuzz.yaml");
  require_good_diagnostics(loaded, lines);
  if (loaded.config) require_valid(*loaded.config);
  return 0;
}
