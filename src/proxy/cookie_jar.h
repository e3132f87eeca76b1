// The cookies that bind browsers to the servers of one backend: which server a request names, and
// what tells a browser to name one.
//
// A cookie's value stands for a server and says nothing about it to whoever does not have the key
// (daemon/cookie_compiler.h makes the values). Immutable, part of a table; all workers use it at
// once.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sluice/config.h"

namespace sluice::proxy {

class CookieJar {
 public:
  /// The values by index of the server.
  CookieJar(CookieConfig config, std::vector<std::string> values);
  CookieJar(const CookieJar&) = delete;
  CookieJar& operator=(const CookieJar&) = delete;

  /// The server that a request names, if it names one of ours. `head` is a complete request head.
  [[nodiscard]] std::optional<std::uint32_t> find(std::string_view head) const noexcept;

  /// The header line that makes a browser come back to the server, CR LF included. Over TLS the
  /// cookie is `Secure` unless the configuration says otherwise.
  enum class Over : std::uint8_t { kPlain, kTls };
  [[nodiscard]] std::string line_for(std::uint32_t server, Over over) const;

  [[nodiscard]] const std::string& name() const noexcept { return config_.name; }
  /// Servers are not to see it.
  [[nodiscard]] bool is_stripped() const noexcept { return config_.strip; }

 private:
  CookieConfig config_;
  std::vector<std::string> values_;
  std::unordered_map<std::string_view, std::uint32_t> servers_;  ///< by value; views of `values_`
};

}  // namespace sluice::proxy
