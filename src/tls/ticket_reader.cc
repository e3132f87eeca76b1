#include "tls/ticket_reader.h"

#include <array>
#include <utility>

#include "tls/record_stream.h"

namespace sluice::tls {

TicketReader::TicketReader(Ssl ssl, const SessionSecrets& secrets, std::uint32_t& waiting) noexcept
    : ssl_(std::move(ssl)), has_keys_(derive_keys(secrets, keys_)), waiting_(waiting) {
  ++waiting_;
}

TicketReader::~TicketReader() {
  // One that goes without having been shut down takes its session with it.
  SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  --waiting_;
}

void TicketReader::read(Aead& aead, std::span<const std::byte> message) noexcept {
  if (!has_keys_ || message.size() > wire::kMaxPlaintext) return;
  std::array<std::byte, wire::kMaxPlaintext + kMaxSealOverhead> record;
  const std::size_t size =
      seal_record(aead, keys_.receive, wire::RecordType::kHandshake, message, record);
  Bio source(size > 0 ? BIO_new_mem_buf(record.data(), static_cast<int>(size)) : nullptr);
  if (source == nullptr) return;
  BIO_set_mem_eof_return(source.get(), -1);  // its end is no end of the connection
  SSL_set0_rbio(ssl_.get(), source.release());
  ERR_clear_error();
  char none = 0;
  static_cast<void>(SSL_read(ssl_.get(), &none, 1));
  ERR_clear_error();
  SSL_set0_rbio(ssl_.get(), BIO_new(BIO_s_null()));
}

}  // namespace sluice::tls
