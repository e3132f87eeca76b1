// What every TLS context of ours has in common: versions, suites, groups, and what is switched off.
//
// Mozilla's "intermediate" recommendation, version 5.8: TLS 1.2 with ECDHE and an AEAD, TLS 1.3.
// Renegotiation, compression and early data are off; security level 2 refuses keys below 112 bits
// of strength (RSA below 2048) and SHA-1 signatures. Control thread.
#pragma once

#include <string>
#include <vector>

#include "sluice/config.h"
#include "sluice/error.h"
#include "tls/openssl.h"

namespace sluice::tls {

[[nodiscard]] Result<SslContext> make_context(const SSL_METHOD* method, TlsVersion lowest);

/// ALPN names as they go over the wire (RFC 7301 section 3.1).
[[nodiscard]] std::string encode_protocols(const std::vector<std::string>& names);

}  // namespace sluice::tls
