#include "tls/key_schedule.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <algorithm>
#include <memory>
#include <span>
#include <string_view>

#include "base/assert.h"

namespace sluice::tls {
namespace {

struct FreeKdf {
  void operator()(EVP_KDF* kdf) const noexcept { EVP_KDF_free(kdf); }
  void operator()(EVP_KDF_CTX* context) const noexcept { EVP_KDF_CTX_free(context); }
};
using Kdf = std::unique_ptr<EVP_KDF, FreeKdf>;
using KdfContext = std::unique_ptr<EVP_KDF_CTX, FreeKdf>;

KdfContext make_context(const char* name) noexcept {
  const Kdf kdf(EVP_KDF_fetch(nullptr, name, nullptr));
  return KdfContext(kdf ? EVP_KDF_CTX_new(kdf.get()) : nullptr);
}

// The parameters of OpenSSL are not const, though it only reads them.
OSSL_PARAM text(const char* name, std::string_view value) noexcept {
  return OSSL_PARAM_construct_utf8_string(name, const_cast<char*>(value.data()), value.size());
}
OSSL_PARAM octets(const char* name, std::span<const std::uint8_t> value) noexcept {
  return OSSL_PARAM_construct_octet_string(name, const_cast<std::uint8_t*>(value.data()),
                                           value.size());
}
OSSL_PARAM octets(const char* name, std::string_view value) noexcept {
  return OSSL_PARAM_construct_octet_string(name, const_cast<char*>(value.data()), value.size());
}

constexpr std::string_view hash_name(Cipher cipher) noexcept {
  return cipher == Cipher::kAes256Gcm ? "SHA2-384" : "SHA2-256";
}

/// HKDF-Expand-Label with an empty context. A thread keeps one KDF for each hash.
class Expander {
 public:
  static Expander& of(Cipher cipher) noexcept {
    static thread_local Expander sha256(hash_name(Cipher::kAes128Gcm));
    static thread_local Expander sha384(hash_name(Cipher::kAes256Gcm));
    return cipher == Cipher::kAes256Gcm ? sha384 : sha256;
  }

  bool expand(std::span<const std::uint8_t> secret, std::string_view label,
              std::span<std::uint8_t> to) noexcept {
    if (!derive(secret, label, to)) return false;
    // The KDF keeps a copy of its last key: let it be one that is worth nothing.
    static constexpr std::array<std::uint8_t, 1> kNothing{};
    const OSSL_PARAM forget[] = {octets(OSSL_KDF_PARAM_KEY, kNothing), OSSL_PARAM_construct_end()};
    return EVP_KDF_CTX_set_params(context_.get(), forget) == 1;
  }

 private:
  explicit Expander(std::string_view hash) noexcept : context_(make_context("TLS13-KDF")) {
    if (!context_) return;
    const OSSL_PARAM fixed[] = {
        text(OSSL_KDF_PARAM_DIGEST, hash), text(OSSL_KDF_PARAM_MODE, "EXPAND_ONLY"),
        octets(OSSL_KDF_PARAM_PREFIX, "tls13 "), OSSL_PARAM_construct_end()};
    if (EVP_KDF_CTX_set_params(context_.get(), fixed) != 1) context_.reset();
  }

  bool derive(std::span<const std::uint8_t> secret, std::string_view label,
              std::span<std::uint8_t> to) noexcept {
    if (!context_) return false;
    const OSSL_PARAM variable[] = {octets(OSSL_KDF_PARAM_KEY, secret),
                                   octets(OSSL_KDF_PARAM_LABEL, label), OSSL_PARAM_construct_end()};
    return EVP_KDF_derive(context_.get(), to.data(), to.size(), variable) == 1;
  }

  KdfContext context_;
};

bool expand_keys(RecordKeys& keys) noexcept {
  Expander& expander = Expander::of(keys.cipher);
  const auto secret = std::span(keys.traffic_secret).first(hash_length(keys.cipher));
  keys.id = 0;
  return expander.expand(secret, "key", std::span(keys.key).first(key_length(keys.cipher))) &&
         expander.expand(secret, "iv", keys.iv);
}

/// Key block of TLS 1.2: client key, server key, client IV, server IV. AEADs have no MAC keys.
class KeyBlock {
 public:
  ~KeyBlock() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

  bool fill(const SessionSecrets& secrets) noexcept {
    static thread_local const Kdf prf(EVP_KDF_fetch(nullptr, "TLS1-PRF", nullptr));
    const KdfContext context(prf ? EVP_KDF_CTX_new(prf.get()) : nullptr);
    if (!context) return false;
    key_bytes_ = key_length(secrets.cipher);
    iv_bytes_ = has_explicit_nonce(secrets.version, secrets.cipher) ? kSaltBytes : kIvBytes;
    const OSSL_PARAM parameters[] = {
        text(OSSL_KDF_PARAM_DIGEST, hash_name(secrets.cipher)),
        octets(OSSL_KDF_PARAM_SECRET, secrets.master_secret),
        octets(OSSL_KDF_PARAM_SEED, "key expansion"),
        octets(OSSL_KDF_PARAM_SEED, secrets.server_random),
        octets(OSSL_KDF_PARAM_SEED, secrets.client_random),
        OSSL_PARAM_construct_end(),
    };
    const std::size_t size = 2 * (key_bytes_ + iv_bytes_);
    return EVP_KDF_derive(context.get(), bytes_.data(), size, parameters) == 1;
  }

  void give(Role writer, RecordKeys& keys) const noexcept {
    const std::size_t which = writer == Role::kClient ? 0 : 1;
    const auto* key = bytes_.data() + which * key_bytes_;
    const auto* iv = bytes_.data() + 2 * key_bytes_ + which * iv_bytes_;
    std::copy_n(key, key_bytes_, keys.key.begin());
    std::copy_n(iv, iv_bytes_, keys.iv.begin());
  }

 private:
  std::array<std::uint8_t, 2 * (kMaxKeyBytes + kIvBytes)> bytes_{};
  std::size_t key_bytes_ = 0;
  std::size_t iv_bytes_ = 0;
};

void begin(const SessionSecrets& secrets, const DirectionSecret& direction,
           RecordKeys& keys) noexcept {
  keys.version = secrets.version;
  keys.cipher = secrets.cipher;
  keys.traffic_secret = direction.traffic_secret;
  keys.sequence = direction.sequence;
  keys.id = 0;
}

}  // namespace

RecordKeys::~RecordKeys() {
  OPENSSL_cleanse(key.data(), key.size());
  OPENSSL_cleanse(traffic_secret.data(), traffic_secret.size());
}

bool derive_keys(const SessionSecrets& secrets, SessionKeys& keys) noexcept {
  begin(secrets, secrets.receive, keys.receive);
  begin(secrets, secrets.transmit, keys.transmit);
  if (secrets.version == Version::kTls13) {
    return expand_keys(keys.receive) && expand_keys(keys.transmit);
  }
  KeyBlock block;
  if (!block.fill(secrets)) return false;
  const bool is_client = secrets.role == Role::kClient;
  block.give(is_client ? Role::kClient : Role::kServer, keys.transmit);
  block.give(is_client ? Role::kServer : Role::kClient, keys.receive);
  keys.transmit.explicit_nonce = secrets.next_explicit_nonce;
  return true;
}

bool advance_keys(RecordKeys& keys) noexcept {
  SLUICE_ASSERT(keys.version == Version::kTls13);
  const std::size_t size = hash_length(keys.cipher);
  std::array<std::uint8_t, 48> next{};
  const bool is_done = Expander::of(keys.cipher)
                           .expand(std::span(keys.traffic_secret).first(size), "traffic upd",
                                   std::span(next).first(size));
  if (is_done) keys.traffic_secret = next;
  OPENSSL_cleanse(next.data(), next.size());
  keys.sequence = 0;
  return is_done && expand_keys(keys);
}

}  // namespace sluice::tls
