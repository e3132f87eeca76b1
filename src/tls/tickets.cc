#include "tls/tickets.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>

#include "tls/random_pool.h"

namespace sluice::tls {
namespace {

using Cipher = std::unique_ptr<EVP_CIPHER, Release<EVP_CIPHER_free>>;

constexpr std::size_t kNameBytes = 16;
constexpr std::size_t kIvBytes = 16;

// What OpenSSL makes of the answer (SSL_CTX_set_tlsext_ticket_key_evp_cb(3)).
constexpr int kFailed = -1;
constexpr int kUnknown = 0;
constexpr int kGood = 1;
constexpr int kGoodButRenew = 2;

int index_of_keys() noexcept {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

/// Fetched once: OpenSSL 3.0 takes a lock for every look-up by name.
const EVP_CIPHER* ticket_cipher() noexcept {
  static const Cipher fetched(EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr));
  return fetched.get();
}

bool set_mac_key(EVP_MAC_CTX* mac, const TicketKey& key) noexcept {
  auto bytes = key.mac;
  std::array<char, 7> digest = {"SHA256"};
  const std::array<OSSL_PARAM, 3> parameters = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, bytes.data(), bytes.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
      OSSL_PARAM_construct_end()};
  const bool is_set = EVP_MAC_CTX_set_params(mac, parameters.data()) == 1;
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return is_set;
}

int seal(const TicketKey& key, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
         EVP_MAC_CTX* mac) noexcept {
  if (!RandomPool::of_thread().draw(std::span(iv, kIvBytes))) return kFailed;
  std::copy(key.name.begin(), key.name.end(), name);
  const bool is_ready =
      EVP_EncryptInit_ex2(cipher, ticket_cipher(), key.cipher.data(), iv, nullptr) == 1 &&
      set_mac_key(mac, key);
  return is_ready ? kGood : kFailed;
}

int open(const TicketKeys& keys, const unsigned char* name, const unsigned char* iv,
         EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac) noexcept {
  const TicketKey* const key =
      keys.find(std::span<const std::uint8_t, kNameBytes>(name, kNameBytes));
  if (key == nullptr) return kUnknown;
  const bool is_ready =
      EVP_DecryptInit_ex2(cipher, ticket_cipher(), key->cipher.data(), iv, nullptr) == 1 &&
      set_mac_key(mac, *key);
  if (!is_ready) return kFailed;
  return key == &keys.current() ? kGood : kGoodButRenew;
}

// NOLINTNEXTLINE(readability-function-size): the parameters are OpenSSL's
int on_ticket_key(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                  EVP_MAC_CTX* mac, int is_sealing) noexcept {
  auto* const keys =
      static_cast<TicketKeys*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), index_of_keys()));
  if (keys == nullptr) return kFailed;
  keys->advance(base::Clock::now());
  if (is_sealing != 0) return seal(keys->current(), name, iv, cipher, mac);
  const int opened = open(*keys, name, iv, cipher, mac);
  // A client of TLS 1.3 uses a ticket once (RFC 8446 appendix C.4), so it needs another one.
  const bool is_single = SSL_version(ssl) == TLS1_3_VERSION;
  return opened == kGood && is_single ? kGoodButRenew : opened;
}

// --- What a session carries along ---

using Seconds = std::int64_t;

struct Mark {
  Seconds made_at = 0;  ///< the full handshake
  std::uint64_t number = 0;
};

Seconds wall_seconds() noexcept {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

/// False for a session without the mark.
bool read_mark(SSL_SESSION* session, Mark& mark) noexcept {
  void* data = nullptr;
  std::size_t length = 0;
  if (SSL_SESSION_get0_ticket_appdata(session, &data, &length) != 1) return false;
  if (data == nullptr || length != sizeof mark) return false;
  std::memcpy(&mark, data, sizeof mark);
  return true;
}

/// Gives it one where it has none: one that is resumed keeps the first one's.
bool ensure_mark(SSL_SESSION* session, Mark& mark) noexcept {
  if (read_mark(session, mark)) return true;
  mark.made_at = wall_seconds();
  std::array<std::uint8_t, sizeof mark.number> random{};
  if (!RandomPool::of_thread().draw(random)) return false;
  std::memcpy(&mark.number, random.data(), random.size());
  return SSL_SESSION_set1_ticket_appdata(session, &mark, sizeof mark) == 1;
}

/// A name for a session of TLS 1.2 in the context's memory. Sessions of 1.3 get one as well, which
/// is not sent.
int on_id_wanted(SSL* /*ssl*/, unsigned char* id, unsigned* size) noexcept {
  return RandomPool::of_thread().draw(std::span(id, *size)) ? 1 : 0;
}

int on_ticket_made(SSL* ssl, void* /*unused*/) noexcept {
  Mark mark;
  return ensure_mark(SSL_get_session(ssl), mark) ? 1 : 0;
}

// NOLINTNEXTLINE(readability-function-size): the parameters are OpenSSL's
SSL_TICKET_RETURN on_ticket_opened(SSL* /*ssl*/, SSL_SESSION* session,
                                   const unsigned char* /*name*/, std::size_t /*name_size*/,
                                   SSL_TICKET_STATUS status, void* /*unused*/) noexcept {
  if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW) {
    return SSL_TICKET_RETURN_IGNORE_RENEW;
  }
  Mark mark;
  const Seconds limit = std::chrono::seconds(TicketKeys::kPeriod).count();
  if (!read_mark(session, mark) || wall_seconds() - mark.made_at > limit) {
    return SSL_TICKET_RETURN_IGNORE_RENEW;
  }
  return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

}  // namespace

void use_tickets(SSL_CTX& context, TicketKeys& keys) noexcept {
  SSL_CTX_set_ex_data(&context, index_of_keys(), &keys);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(&context, &on_ticket_key);
  SSL_CTX_set_session_ticket_cb(&context, &on_ticket_made, &on_ticket_opened, nullptr);
  SSL_CTX_set_generate_session_id(&context, &on_id_wanted);
  SSL_CTX_set_timeout(&context, std::chrono::seconds(TicketKeys::kPeriod).count());
}

std::uint64_t session_number(SSL& ssl) noexcept {
  Mark mark;
  SSL_SESSION* const session = SSL_get_session(&ssl);
  return session != nullptr && ensure_mark(session, mark) ? mark.number : 0;
}

}  // namespace sluice::tls
