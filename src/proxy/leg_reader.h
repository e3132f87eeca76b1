// Reads a TLS socket's records one by one, so that whatever comes behind the last one that was
// wanted is still ciphertext: a relay that goes on with the same leg opens it itself.
//
// For stages, which read little. Thread: its worker's. Limits: one record.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/clock.h"
#include "proxy/record_buffers.h"
#include "proxy/secure_leg.h"
#include "tls/aead.h"

namespace sluice::proxy {

class LegReader {
 public:
  enum class What : std::uint8_t {
    kNothing,    ///< no data: a record that is not whole yet, or one with something else in it
    kPlaintext,  ///< `plaintext()`
    kEnded,      ///< close_notify
    kFailed,     ///< a fatal alert, or a record that earns one, which the leg then owes
  };

  /// The leg outlives it.
  explicit LegReader(SecureLeg& leg) : leg_(leg) {}

  /// Takes bytes from the beginning of `bytes`, up to the end of a record and no further.
  What feed(tls::Aead& aead, std::span<const std::byte>& bytes, base::TimePoint now) noexcept;

  /// What the last record held; until the next `feed()`.
  [[nodiscard]] std::span<const std::byte> plaintext() noexcept;

 private:
  void fill(std::span<const std::byte>& bytes) noexcept;

  SecureLeg& leg_;
  RecordBuffer record_{BufferSize::kSmall,
                       std::make_unique<std::byte[]>(RecordBuffer::kSmallBytes)};
};

}  // namespace sluice::proxy
