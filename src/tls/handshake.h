// One TLS handshake, as bytes in and bytes out: no socket, no clock.
//
//              feed() .. feed()                 (client's side of it begins with `start()`)
//   working ------------------------> done      secrets(), negotiated(), leftover()
//      |
//      +----------------------------> failed    failure(), reason(); the alert is in the output
//
// OpenSSL reads from and writes to our own buffers through a BIO of ours: what `feed()` is given is
// read in place. Once done, the SSL object has nothing more to say and is freed, but for tickets
// that a server of TLS 1.3 is yet to send (`take_ssl()`); the session goes on from `secrets()`.
// OpenSSL (without read_ahead) asks for exactly one record at a time, so the bytes it has not asked
// for when it is done begin at a record boundary: `leftover()`, ciphertext of none, some or a part
// of a record, the first of which has number `secrets().receive.sequence`.
//
// Sequence numbers are counted, not guessed: the message callback fires once for each record, the
// key log callback in the moment in which a direction's numbers begin at 0 again (RFC 8446 section
// 5.3). Session tickets, KeyUpdates and alerts are thereby included.
//
// Thread: one. Limits: `kMaxInput` bytes from the other side; what OpenSSL holds of an incomplete
// message is bounded by its own limits (100 KB of certificates, 128 KB of hello). Pinned: callbacks
// know its address.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tls/openssl.h"
#include "tls/secrets.h"

namespace sluice::tls {

/// What both sides have agreed on, for people and for routing.
struct Negotiated {
  const char* version = "-";  ///< `TLSv1.3`
  const char* cipher = "-";   ///< `TLS_AES_128_GCM_SHA256`, IANA's name
  std::string server_name;    ///< SNI: what a client asked for, or we asked for; may be empty
  std::string alpn;           ///< empty: none
  bool is_resumed = false;
  std::uint64_t session_number = 0;  ///< as a server: the session's (tickets.h); 0 = none
  /// The common name (perhaps empty) in the certificate that a client has shown, now or when the
  /// session began; none without one. It has been verified: no handshake is done with another.
  std::optional<std::string> client_certificate;
};

class Handshake {
 public:
  enum class Status : std::uint8_t { kWorking, kDone, kFailed };
  enum class Failure : std::uint8_t {
    kNone,
    kProtocol,  ///< garbage, no common version, an alert from the other side, ...
    kVerify,    ///< the other side's certificate is not good enough
    kMemory,    ///< OpenSSL had none
  };

  /// Far above any handshake with certificate chains; a longer one is refused.
  static constexpr std::size_t kMaxInput = std::size_t{256} * 1024;

  /// `ssl` is from a context that `prepare()` has seen, in accept or connect state. Null (OpenSSL
  /// had no memory) makes a failed handshake.
  explicit Handshake(Ssl ssl);
  Handshake(const Handshake&) = delete;
  Handshake& operator=(const Handshake&) = delete;
  ~Handshake();

  /// Every context whose SSL objects come here needs this once.
  static void prepare(SSL_CTX& context) noexcept;

  /// Says why the handshake that is running on `ssl` is about to be refused, for callbacks that
  /// refuse it: OpenSSL knows only that one did. `reason` is a literal.
  static void explain(const SSL& ssl, const char* reason) noexcept;

  /// Takes output while OpenSSL is still at work (`send_through()`).
  class Sender {
   public:
    /// A flight is complete, or an alert: `output()` may be sent and consumed now.
    virtual void on_flight() noexcept = 0;

   protected:
    ~Sender() = default;
  };

  /// From now on `sender`, which outlives the handshake, hears of each flight as soon as its last
  /// byte is there. As a server OpenSSL derives the next keys only then: the client need not wait
  /// for that. Session tickets are no flight, as nobody waits for them.
  void send_through(Sender& sender) noexcept { sender_ = &sender; }

  /// The TLS client speaks first; nothing for a server.
  Status start() noexcept { return advance({}); }

  /// Bytes from the other side. Not after `kDone` or `kFailed`.
  Status feed(std::span<const std::byte> bytes) noexcept { return advance(bytes); }

  /// To be sent, in every state; stays valid until the next call that is not const.
  [[nodiscard]] std::span<const std::byte> output() const noexcept;
  /// The first `count` bytes of the output have been sent.
  void consume_output(std::size_t count) noexcept;

  [[nodiscard]] Status status() const noexcept { return status_; }
  [[nodiscard]] Failure failure() const noexcept { return failure_; }
  /// Why it failed: OpenSSL's words, one line.
  [[nodiscard]] const std::string& reason() const noexcept { return reason_; }

  // Once done.
  [[nodiscard]] const SessionSecrets& secrets() const noexcept { return secrets_; }
  [[nodiscard]] const Negotiated& negotiated() const noexcept { return negotiated_; }
  [[nodiscard]] std::span<const std::byte> leftover() const noexcept { return leftover_; }
  /// OpenSSL's object, for a TicketReader. Null but for a client of TLS 1.3.
  [[nodiscard]] Ssl take_ssl() noexcept { return std::move(ssl_); }

 private:
  struct Callbacks;

  Status advance(std::span<const std::byte> bytes) noexcept;
  void on_flush() noexcept;
  void fail(Failure failure, std::string reason);
  void fail_by_openssl();
  void finish();
  void part_with_ssl() noexcept;
  [[nodiscard]] bool take_secrets();
  [[nodiscard]] bool take_cipher();
  void take_randoms();
  void take_negotiated();
  void note_record(DirectionSecret& direction, std::uint8_t type) noexcept;
  /// Whether it is one of those that data is protected with.
  bool note_secret(std::string_view label, std::string_view hex) noexcept;

  Ssl ssl_;
  Sender* sender_ = nullptr;
  Role role_ = Role::kServer;
  Status status_ = Status::kWorking;
  Failure failure_ = Failure::kNone;
  std::span<const std::byte> input_;  ///< of the running `advance()`
  std::size_t taken_ = 0;             ///< input bytes so far
  std::vector<std::byte> output_;     ///< all of it: the last record's nonce is read from it
  std::size_t sent_ = 0;
  std::vector<std::byte> leftover_;
  const char* refusal_ = nullptr;  ///< from `explain()`
  std::string reason_;
  SessionSecrets secrets_;
  Negotiated negotiated_;
};

}  // namespace sluice::tls
