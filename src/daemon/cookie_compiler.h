// The cookies of a table's backends: a keyed hash for each server.
//
// A value is the HMAC of the names of backend and server, so it survives reloads and changes of
// addresses, and is the same on every instance that has the same key and names. Without a key file
// the key is the process's own: it survives reloads, not a restart. Control thread.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/cookie_jar.h"
#include "sluice/config.h"
#include "sluice/error.h"

namespace sluice::daemon {

/// A key that nobody else has.
class OwnCookieKey {
 public:
  OwnCookieKey();
  [[nodiscard]] std::string_view bytes() const noexcept { return {bytes_.data(), bytes_.size()}; }

 private:
  std::array<char, 32> bytes_;
};

/// 32 hexadecimal digits.
[[nodiscard]] std::string cookie_value(std::string_view key, std::string_view backend,
                                       std::string_view server);

/// Null for a backend whose clients are not bound by cookies.
[[nodiscard]] Result<std::unique_ptr<proxy::CookieJar>> make_cookies(const BackendConfig& config,
                                                                     const OwnCookieKey& own);

}  // namespace sluice::daemon
