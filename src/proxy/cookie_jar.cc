#include "proxy/cookie_jar.h"

#include <utility>

#include "wire/http_head.h"

namespace sluice::proxy {
namespace {

const char* same_site_text(CookieSameSite same_site) noexcept {
  switch (same_site) {
    case CookieSameSite::kNone:
      return "None";
    case CookieSameSite::kLax:
      return "Lax";
    case CookieSameSite::kStrict:
      return "Strict";
  }
  return "Lax";
}

}  // namespace

CookieJar::CookieJar(CookieConfig config, std::vector<std::string> values)
    : config_(std::move(config)), values_(std::move(values)) {
  for (std::uint32_t index = 0; index < values_.size(); ++index) {
    servers_.emplace(values_[index], index);
  }
}

std::optional<std::uint32_t> CookieJar::find(std::string_view head) const noexcept {
  for (wire::HeaderFields fields(head); fields.next();) {
    if (!fields.is("cookie")) continue;
    for (wire::CookiePairs pairs(fields.field().value); pairs.next();) {
      if (pairs.name() != config_.name) continue;
      const auto found = servers_.find(pairs.value());
      if (found != servers_.end()) return found->second;
    }
  }
  return std::nullopt;
}

std::string CookieJar::line_for(std::uint32_t server, Over over) const {
  const bool is_secure = config_.secure == CookieSecure::kOn ||
                         (config_.secure == CookieSecure::kAuto && over == Over::kTls);
  std::string line = "Set-Cookie: " + config_.name + "=" + values_[server];
  line += "; Path=" + config_.path;
  if (!config_.domain.empty()) line += "; Domain=" + config_.domain;
  if (config_.max_age.count() > 0) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(config_.max_age).count();
    line += "; Max-Age=" + std::to_string(seconds);
  }
  if (config_.http_only) line += "; HttpOnly";
  if (is_secure) line += "; Secure";
  line += "; SameSite=";
  line += same_site_text(config_.same_site);
  return line + "\r\n";
}

}  // namespace sluice::proxy
