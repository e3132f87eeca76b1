// What is left of OpenSSL in a finished TLS 1.3 connection to a server: the reader of the session
// tickets that come after the handshake.
//
// The secret that a ticket belongs to (RFC 8446 section 4.6.1) is inside the SSL object, and
// nothing gives it out. So the object stays until the first ticket has come, and gets it as a
// record of its own: our record layer has opened the server's records, the message is sealed again
// with the key and the number that the object expects next. Such a record never leaves the process.
// The context's callback for new sessions then has the session.
//
// Thread: its worker's. Limits: 12 KB each while it waits, `ServerContext::kWaitingReaders` at
// once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "tls/aead.h"
#include "tls/key_schedule.h"
#include "tls/openssl.h"
#include "tls/secrets.h"

namespace sluice::tls {

class TicketReader {
 public:
  /// `ssl` has just finished its handshake and left `secrets`. `waiting` counts the readers there
  /// are and outlives this one.
  TicketReader(Ssl ssl, const SessionSecrets& secrets, std::uint32_t& waiting) noexcept;
  TicketReader(const TicketReader&) = delete;
  TicketReader& operator=(const TicketReader&) = delete;
  ~TicketReader();

  /// A whole NewSessionTicket message, its header included.
  void read(Aead& aead, std::span<const std::byte> message) noexcept;

 private:
  Ssl ssl_;
  SessionKeys keys_;
  bool has_keys_;
  std::uint32_t& waiting_;
};

}  // namespace sluice::tls
