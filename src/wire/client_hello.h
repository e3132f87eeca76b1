// Reads the first message of a TLS connection, the ClientHello (RFC 8446 section 4.1.2, RFC 5246
// section 7.4.1.2), for the name of the server that it asks for (RFC 6066 section 3).
//
// Bytes come in pieces of any size; the message may lie in many TLS records. What is not TLS is
// known to be something else with the first byte that TLS would not have there, so nobody who
// speaks another protocol is kept waiting. A hello that breaks the rules of TLS, or is longer than
// `kMaxHello`, is something else as well: the server it reaches can tell the client what is wrong.
//
// With Encrypted Client Hello the name is that of the outer hello: the one meant for
// whoever routes. Extensions that only pretend to it look the same and have the true name there.
// Pure. Limits: `kMaxHello` for the message, `kMaxHelloBytes` with its records.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::wire {

inline constexpr std::size_t kMaxHello = 16384;
inline constexpr std::size_t kMaxHelloBytes = 2 * kMaxHello;

class ClientHelloReader {
 public:
  enum class Status : std::uint8_t {
    kIncomplete,  ///< a hello so far
    kComplete,    ///< a whole one
    kOther,       ///< something else
  };

  /// What comes behind a complete hello is ignored.
  Status feed(std::span<const std::byte> bytes);

  [[nodiscard]] Status status() const noexcept { return status_; }
  /// As the client wrote it; empty = it asked for none.
  [[nodiscard]] std::string_view server_name() const noexcept { return server_name_; }
  /// Why it is something else, in words; empty for what never looked like TLS.
  [[nodiscard]] std::string_view problem() const noexcept { return problem_; }

 private:
  std::size_t take_header(std::span<const std::byte> bytes);
  std::size_t take_fragment(std::span<const std::byte> bytes);
  void check_message();
  void refuse(std::string_view problem) noexcept;

  std::vector<std::byte> header_;   ///< of the record that is being read
  std::vector<std::byte> message_;  ///< of the handshake, without the records
  std::size_t record_left_ = 0;
  std::size_t fed_ = 0;
  Status status_ = Status::kIncomplete;
  std::string server_name_;
  std::string_view problem_;
};

}  // namespace sluice::wire
