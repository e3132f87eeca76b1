// TLS records made and opened by the kernel on a TCP socket (kTLS), with keys of ours.
//
//   attach --> install receive and transmit keys, in any order --> plain reads and writes
//
// A key can be installed at a record boundary only: everything sealed in user space has been given
// to the socket, and nothing of a record has been read from it. What the socket holds at that time
// the kernel opens. Records that are no data come and go by recvmsg(2) and sendmsg(2) with a
// control message; a bare recv(2) fails at them with EIO, splice(2) with EINVAL. The kernel never
// sends an alert of its own. The socket must be connected both ways when the layer is attached.
// Source: Documentation/networking/tls.rst. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "tls/key_schedule.h"
#include "wire/tls_record.h"

namespace sluice::tls {

/// Of a socket, seen from us.
enum class Half : std::uint8_t { kTransmit, kReceive };

/// Puts the kernel's TLS layer on the socket, which changes nothing yet. 0, or errno; 0 as well
/// where it is there.
[[nodiscard]] int attach_ktls(int fd) noexcept;

/// Hands the next record's key, nonce and number over. 0, or errno.
[[nodiscard]] int install_key(int fd, Half half, const RecordKeys& keys) noexcept;

struct KernelRecord {
  std::int64_t count = 0;  ///< bytes; -1: `error`
  int error = 0;
  bool is_data = true;
  wire::RecordType type = wire::RecordType::kApplicationData;
  bool is_end = false;  ///< the stream's, not a record without content
};

/// Reads data, of as many records as fit, or one other record. Does not wait.
[[nodiscard]] KernelRecord receive_record(int fd, std::span<std::byte> into) noexcept;

/// Sends one record that is no data. 0, or errno. Does not wait.
[[nodiscard]] int send_record(int fd, wire::RecordType type,
                              std::span<const std::byte> body) noexcept;

}  // namespace sluice::tls
