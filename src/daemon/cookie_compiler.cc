#include "daemon/cookie_compiler.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <utility>
#include <vector>

#include "base/assert.h"
#include "config/cookie_key.h"

namespace sluice::daemon {
namespace {

constexpr std::size_t kValueBytes = 16;

}  // namespace

OwnCookieKey::OwnCookieKey() {
  const int done =
      RAND_bytes(reinterpret_cast<unsigned char*>(bytes_.data()), static_cast<int>(bytes_.size()));
  SLUICE_ASSERT(done == 1);
}

std::string cookie_value(std::string_view key, std::string_view backend, std::string_view server) {
  // Names have no NUL, so no two pairs make the same text.
  std::string text = "cookie";
  for (const std::string_view name : {backend, server}) text.append(1, '\0').append(name);
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned int size = 0;
  const unsigned char* const done =
      HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(text.data()), text.size(), hash.data(), &size);
  SLUICE_ASSERT(done != nullptr);
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string value;
  for (std::size_t at = 0; at < kValueBytes; ++at) {
    value += kDigits[hash[at] >> 4];
    value += kDigits[hash[at] & 15U];
  }
  return value;
}

Result<std::unique_ptr<proxy::CookieJar>> make_cookies(const BackendConfig& config,
                                                       const OwnCookieKey& own) {
  if (config.persistence.kind != PersistenceKind::kCookie) return nullptr;
  const CookieConfig& cookie = config.persistence.cookie;
  std::string key(own.bytes());
  if (!cookie.key_file.empty()) {
    auto read = config::read_cookie_key(cookie.key_file);
    if (!read) return tl::unexpected(read.error());
    key = std::move(*read);
  }
  std::vector<std::string> values;
  for (const ServerConfig& server : config.servers) {
    values.push_back(cookie_value(key, config.name, server.name));
  }
  return std::make_unique<proxy::CookieJar>(cookie, std::move(values));
}

}  // namespace sluice::daemon
