// Session tickets of a context toward clients.
//
// A ticket is good for one period of the keys at the most, counted from the full handshake that it
// goes back to: TLS 1.3 gives out new tickets with every resumption, and without that mark in them
// a session could be carried on for ever, past the end of a client's certificate. Beside the mark
// stands a random number that is the session's for life. Thread: the context's.
#pragma once

#include <cstdint>

#include "tls/openssl.h"
#include "tls/ticket_keys.h"

namespace sluice::tls {

/// `keys` must outlive the context.
void use_tickets(SSL_CTX& context, TicketKeys& keys) noexcept;

/// The number of a server's session, the same whenever it is resumed; nobody outside can guess or
/// choose it. 0: none could be had. Once its handshake is done.
[[nodiscard]] std::uint64_t session_number(SSL& ssl) noexcept;

}  // namespace sluice::tls
