#include "config/cookie_key.h"

#include "config/read_file.h"

namespace sluice::config {

Result<std::string> read_cookie_key(const std::string& path) {
  Result<std::string> key = read_file(path, kMaxCookieKeyBytes);
  if (!key) return fail(quote_path(path) + ' ' + key.error().text, ExitCode::kNo);
  while (!key->empty() && (key->back() == '\n' || key->back() == '\r')) key->pop_back();
  if (key->size() < kMinCookieKeyBytes) {
    return fail(quote_path(path) + " is too short for a key: it needs " +
                    std::to_string(kMinCookieKeyBytes) +
                    " bytes or more (head -c 32 /dev/urandom | base64)",
                ExitCode::kNo);
  }
  return key;
}

void check_cookie_keys(Checker& checker) {
  const std::vector<BackendConfig>& backends = checker.config.backends;
  for (std::size_t i = 0; i < backends.size(); ++i) {
    const std::string& path = backends[i].persistence.cookie.key_file;
    if (path.empty()) continue;
    if (const auto key = read_cookie_key(path); !key) {
      checker.error(make_path("backends", i, "persistence", "cookie", "key_file"),
                    key.error().text);
    }
  }
}

}  // namespace sluice::config
