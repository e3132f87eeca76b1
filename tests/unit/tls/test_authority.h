// Certificates made for a test: an authority, what it issues, and everything that can be wrong with
// it.
#pragma once

#include <string>
#include <vector>

#include "tls/openssl.h"

namespace sluice::tls {

enum class KeyKind { kEcdsa, kRsa, kWeakRsa };

/// What a certificate is to say. Times are days from now.
struct CertificateWish {
  std::vector<std::string> names;  ///< DNS names; addresses count as IP names
  KeyKind kind = KeyKind::kEcdsa;
  int begins = -1;
  int ends = 30;
  enum class Use { kLeaf, kAuthority } use = Use::kLeaf;
};

struct Pem {
  std::string certificate;
  std::string key;
};

class TestAuthority {
 public:
  /// Self-signed.
  explicit TestAuthority(const std::string& name);

  [[nodiscard]] Pem issue(const CertificateWish& wish) const;
  /// An authority below this one.
  [[nodiscard]] TestAuthority delegate(const std::string& name) const;

  [[nodiscard]] const std::string& certificate() const { return pem_.certificate; }

 private:
  TestAuthority() = default;

  std::string name_;
  Certificate certificate_;
  PrivateKey key_;
  Pem pem_;
};

/// One for a whole test program; keys take their time.
[[nodiscard]] const TestAuthority& authority();

/// Signed by its own key.
[[nodiscard]] Pem self_signed(const CertificateWish& wish);

}  // namespace sluice::tls
