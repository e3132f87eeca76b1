// Which ciphers this kernel encrypts and decrypts in its own TLS layer (kTLS), found out on a
// loopback connection.
//
// Any thread; blocks for the moment it takes to connect to itself. Source:
// Documentation/networking/tls.rst of the kernel.
#pragma once

#include <string>
#include <vector>

namespace sluice::tls {

/// One protocol version, cipher and direction.
struct KtlsSupport {
  std::string name;  ///< `TLS 1.3 AES-128-GCM transmit`
  bool is_available = false;
  std::string reason;  ///< why it is off; empty where it is on
};

[[nodiscard]] std::vector<KtlsSupport> probe_ktls();

}  // namespace sluice::tls
