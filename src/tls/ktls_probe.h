// Which ciphers this kernel encrypts and decrypts in its own TLS layer (kTLS), found out by doing
// it: on a loopback connection the kernel opens data and an alert that we have sealed, we open
// its, and both must say the same. No version number is looked at.
//
// Any thread; blocks for the moment it takes to connect to itself. Source:
// Documentation/networking/tls.rst of the kernel.
#pragma once

#include <string>
#include <vector>

#include "tls/ktls.h"
#include "tls/ktls_ability.h"
#include "tls/secrets.h"

namespace sluice::tls {

/// One protocol version, cipher and direction.
struct KtlsSupport {
  std::string name;  ///< `TLS 1.3 AES-128-GCM transmit`
  Version version = Version::kTls13;
  Cipher cipher = Cipher::kAes128Gcm;
  Half half = Half::kTransmit;
  bool is_available = false;
  bool is_module_missing = false;
  std::string reason;  ///< why it is off; empty where it is on
};

struct KtlsReport {
  std::vector<KtlsSupport> parts;
  /// Replacing a key by the next one: without it a KeyUpdate ends the session.
  KtlsSupport key_update;
};

[[nodiscard]] KtlsReport probe_ktls();

[[nodiscard]] KtlsAbility ability_of(const KtlsReport& report);

/// Why there is no kernel TLS at all, with the remedy where there is one; empty where some of it
/// works.
[[nodiscard]] std::string why_no_ktls(const KtlsReport& report);

}  // namespace sluice::tls
