// A TLS handshake on one of a session's sockets: with the client as its server, with the server as
// its client.
//
//   start() --> receive --> feed --> send --> receive ... --> done: a TlsLeg in the findings
//                                                `--------> failed: the alert has been sent
//
// Receives are one-shot: nothing may be under way on the socket when the keys change hands. What
// has been read beyond the handshake is left in the findings as ciphertext. Sends are tried at
// once, as a handshake waits for nothing else. Thread: its worker's. Limits: one buffer of
// `kBufferBytes`; those of tls/handshake.h.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "proxy/stage.h"
#include "tls/handshake.h"
#include "uring/completion.h"

namespace sluice::proxy {

class TlsStage final : public Stage, private tls::Handshake::Sender {
 public:
  static constexpr std::size_t kBufferBytes = 8192;

  /// When a client of TLS 1.3 gets its tickets, which it does not wait for.
  enum class Tickets : std::uint8_t {
    kAtOnce,
    kWithRelay,  ///< left in the findings: what the relay, or the session's end, writes first
  };

  /// With whom it is: the side that endings name.
  TlsStage(const StageSeat& seat, Side with, base::milliseconds time, tls::Ssl ssl,
           Tickets tickets = Tickets::kAtOnce);

  void start() noexcept override;
  [[nodiscard]] bool is_quiet() const noexcept override {
    return !receive_.is_in_flight() && !send_.is_in_flight();
  }

 private:
  void cancel() noexcept override;
  void on_flight() noexcept override;

  enum class Sent : std::uint8_t { kAll, kWaiting, kFailed };

  void on_receive(uring::Outcome outcome) noexcept;
  void on_send(uring::Outcome outcome) noexcept;
  void advance() noexcept;
  [[nodiscard]] Sent send_output() noexcept;
  [[nodiscard]] bool send_some() noexcept;
  void conclude() noexcept;
  void refuse() noexcept;
  [[nodiscard]] bool may_leave_output() const noexcept;
  void lose(std::string_view problem) noexcept;
  [[nodiscard]] bool is_stopped() const noexcept { return progress() != Progress::kWorking; }

  Side with_;
  Tickets tickets_;
  tls::Handshake handshake_;
  std::array<std::byte, kBufferBytes> buffer_;
  uring::Op<&TlsStage::on_receive> receive_{*this};
  uring::Op<&TlsStage::on_send> send_{*this};
};

}  // namespace sluice::proxy
