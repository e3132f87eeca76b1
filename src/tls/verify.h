// Whom a TLS client of ours takes for the server it meant: the same for sessions and health checks.
//
// The name is what the configuration calls `server_name`, or the server's address where that is
// empty. A DNS name is sent as SNI; an IP address is not (RFC 6066 section 3) and must stand in the
// certificate as an address. Wildcards count for one whole label only. Any thread.
#pragma once

#include <openssl/ssl.h>

#include <string>

#include "sluice/config.h"

namespace sluice::tls {

/// Sets a client's SSL object up to ask for `name` and, where `verify` requires it, to accept no
/// certificate that does not carry it or that its context's trust store does not lead to. False
/// where OpenSSL has no memory.
[[nodiscard]] bool expect_server(SSL& ssl, const std::string& name, ServerVerify verify) noexcept;

/// Why the other side's certificate was not accepted: `certificate has expired`, `hostname
/// mismatch`. Empty where it was, or where the handshake has not come so far.
[[nodiscard]] std::string verify_reason(const SSL& ssl);

}  // namespace sluice::tls
