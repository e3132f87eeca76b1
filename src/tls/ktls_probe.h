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
#include "tls/secrets.h"

namespace sluice::tls {

/// One protocol version, cipher and direction.
struct KtlsSupport {
  std::string name;  ///< `TLS 1.3 AES-128-GCM transmit`
  Version version = Version::kTls13;
  Cipher cipher = Cipher::kAes128Gcm;
  Half half = Half::kTransmit;
  bool is_available = false;
  std::string reason;  ///< why it is off; empty where it is on
};

[[nodiscard]] std::vector<KtlsSupport> probe_ktls();

}  // namespace sluice::tls
