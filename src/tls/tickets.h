// Session tickets of a context toward clients.
//
// A ticket is good for one period of the keys at the most, counted from the full handshake that it
// goes back to: TLS 1.3 gives out new tickets with every resumption, and without that mark in them
// a session could be carried on for ever, past the end of a client's certificate. Thread: the
// context's.
#pragma once

#include "tls/openssl.h"
#include "tls/ticket_keys.h"

namespace sluice::tls {

/// `keys` must outlive the context.
void use_tickets(SSL_CTX& context, TicketKeys& keys) noexcept;

}  // namespace sluice::tls
