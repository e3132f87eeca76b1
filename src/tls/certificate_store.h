// The certificates and CA bundles of one configuration, read from their files and parsed once.
//
// The control thread loads a store for each table, so what a reload finds in the files serves the
// first connection after it. Contexts take references to what is in here; the store itself need not
// outlive them. Thread: control.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/config.h"
#include "sluice/error.h"
#include "tls/openssl.h"

namespace sluice::tls {

using Fingerprint = std::array<std::uint8_t, 32>;  ///< SHA-256

/// A certificate, what leads from it to an authority, and its key.
struct CertifiedKey {
  std::string name;  ///< the configuration's
  Certificate leaf;
  std::vector<Certificate> chain;
  PrivateKey key;
  int kind = 0;                    ///< EVP_PKEY_RSA, EVP_PKEY_EC, ...: one of each serves a name
  std::vector<std::string> names;  ///< DNS names, lower case, possibly with wildcards
  Fingerprint fingerprint{};
};

/// Authorities that are trusted.
struct CaBundle {
  std::vector<Certificate> authorities;
  Fingerprint fingerprint{};  ///< over all of them
};

class CertificateStore {
 public:
  /// The bundle that is there without being configured: the distribution's trust store.
  static constexpr std::string_view kSystemBundle = "system";

  [[nodiscard]] static Result<CertificateStore> load(const Config& config);

  /// Null where there is none of that name.
  [[nodiscard]] const CertifiedKey* certificate(const std::string& name) const noexcept;
  /// Empty = `system`. Null where there is none of that name.
  [[nodiscard]] const CaBundle* bundle(const std::string& name) const noexcept;

 private:
  std::map<std::string, CertifiedKey> certificates_;
  std::map<std::string, CaBundle> bundles_;
};

/// Parses PEM texts. Errors name what is wrong, not the file.
[[nodiscard]] Result<CertifiedKey> parse_certified_key(std::string name,
                                                       const std::string& certificate,
                                                       const std::string& key);
[[nodiscard]] Result<CaBundle> parse_bundle(const std::string& pem);

/// The context shows this certificate; one for each kind of key.
[[nodiscard]] Result<void> use_key(SSL_CTX& context, const CertifiedKey& key);

/// A trust store of these authorities, for one worker's contexts.
[[nodiscard]] CertificateTrust make_trust(const CaBundle& bundle);

}  // namespace sluice::tls
