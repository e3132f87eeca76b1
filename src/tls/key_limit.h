// How long a key may be used: kMaxRecordsPerKey in TLS 1.3 with AES-GCM. TLS 1.2 has no way to take
// a new key, and nobody reaches the limit of ChaCha20-Poly1305. Any thread.
#pragma once

#include <cstdint>
#include <optional>

#include "tls/key_schedule.h"

namespace sluice::tls {

/// A new key is due before the next record.
[[nodiscard]] bool is_used_up(const RecordKeys& keys) noexcept;

/// The number of the next record where the kernel makes them, with these keys on this socket.
/// Nothing where it does not tell.
[[nodiscard]] std::optional<std::uint64_t> next_record(int fd, const RecordKeys& keys) noexcept;

}  // namespace sluice::tls
