#include "proxy/tls_stage.h"

#include <sys/socket.h>

#include <cerrno>
#include <span>
#include <string>
#include <utility>

#include "proxy/relay.h"
#include "proxy/socket_errors.h"
#include "tls/server_context.h"
#include "tls/server_names.h"

namespace sluice::proxy {

TlsStage::TlsStage(const StageSeat& seat, Side with, base::milliseconds time, tls::Ssl ssl,
                   Tickets tickets)
    : Stage(seat, {time, {CloseReason::kHandshakeTimeout, with}}),
      with_(with),
      tickets_(tickets),
      handshake_(std::move(ssl)) {
  handshake_.send_through(*this);
}

void TlsStage::start() noexcept {
  if (with_ == Side::kClient) {
    const ByteString early = std::exchange(seat_.findings.from_client, {});
    if (!early.empty()) handshake_.feed(early);
  } else {
    handshake_.start();
  }
  advance();
}

void TlsStage::cancel() noexcept {
  uring::Ring& ring = seat_.context.reactor.ring();
  ring.cancel(receive_);
  ring.cancel(send_);
}

void TlsStage::on_receive(uring::Outcome outcome) noexcept {
  if (is_stopped()) return;
  if (outcome.result == 0) return lose("closed during the handshake");
  if (outcome.result < 0) {
    if (outcome.result == -EAGAIN || outcome.result == -EINTR) return advance();
    return lose("lost during the handshake");
  }
  handshake_.feed(std::span(buffer_).first(static_cast<std::size_t>(outcome.result)));
  advance();
}

void TlsStage::on_send(uring::Outcome outcome) noexcept {
  if (is_stopped()) return;
  if (outcome.result < 0 && outcome.result != -EAGAIN && outcome.result != -EINTR) {
    return lose("lost during the handshake");
  }
  if (outcome.result > 0) handshake_.consume_output(static_cast<std::size_t>(outcome.result));
  advance();
}

void TlsStage::advance() noexcept {
  if (may_leave_output()) return conclude();
  const Sent sent = send_output();
  if (sent == Sent::kWaiting) return;
  switch (handshake_.status()) {
    case tls::Handshake::Status::kWorking:
      if (sent == Sent::kFailed) return lose("lost during the handshake");
      return seat_.context.reactor.ring().receive(receive_, seat_.fd, buffer_);
    case tls::Handshake::Status::kDone:
      if (sent == Sent::kFailed) return lose("lost during the handshake");
      return conclude();
    case tls::Handshake::Status::kFailed:
      return refuse();
  }
}

/// What cannot go at once stays for `send_output()`, which says why.
void TlsStage::on_flight() noexcept {
  static_cast<void>(send_some());
}

/// One try. False: errno says why nothing went.
bool TlsStage::send_some() noexcept {
  const auto bytes = handshake_.output();
  const auto sent = ::send(seat_.fd, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent > 0) handshake_.consume_output(static_cast<std::size_t>(sent));
  return sent > 0;
}

TlsStage::Sent TlsStage::send_output() noexcept {
  while (!handshake_.output().empty()) {
    if (send_some() || errno == EINTR) continue;
    if (!is_send_retry(errno)) return Sent::kFailed;
    seat_.context.reactor.ring().send(send_, seat_.fd, handshake_.output());
    return Sent::kWaiting;
  }
  return Sent::kAll;
}

/// In TLS 1.3 a client has all that it waits for before it is done: what is left are tickets.
bool TlsStage::may_leave_output() const noexcept {
  return tickets_ == Tickets::kWithRelay && handshake_.status() == tls::Handshake::Status::kDone &&
         handshake_.secrets().version == tls::Version::kTls13 &&
         handshake_.output().size() <= SecureLeg::kMaxOwed;
}

void TlsStage::conclude() noexcept {
  Findings& findings = seat_.findings;
  const auto unsent = handshake_.output();
  auto leg = std::make_unique<TlsLeg>(TlsLeg{handshake_.secrets(), handshake_.negotiated(), nullptr,
                                             ByteString(unsent.begin(), unsent.end())});
  const auto rest = handshake_.leftover();
  if (with_ == Side::kClient) {
    findings.server_name = tls::normal_name(leg->negotiated.server_name);
    findings.from_client.assign(rest.begin(), rest.end());
    findings.client_tls = std::move(leg);
  } else {
    findings.from_server.assign(rest.begin(), rest.end());
    leg->tickets = tls::ServerContext::ticket_reader(handshake_);
    findings.server_tls = std::move(leg);
  }
  finish();
}

void TlsStage::refuse() noexcept {
  seat_.findings.problem = handshake_.reason();
  if (with_ == Side::kClient) {
    // Whether the alert has reached anybody does not matter.
    static_cast<void>(::shutdown(seat_.fd, SHUT_WR));
    seat_.findings.is_client_told = true;
  }
  switch (handshake_.failure()) {
    case tls::Handshake::Failure::kVerify:
      return fail({CloseReason::kVerifyFailed, with_});
    case tls::Handshake::Failure::kMemory:
      return fail({CloseReason::kLimit, Side::kUs});
    case tls::Handshake::Failure::kProtocol:
    case tls::Handshake::Failure::kNone:
      return fail({CloseReason::kHandshakeFailed, with_});
  }
}

void TlsStage::lose(std::string_view problem) noexcept {
  seat_.findings.problem = problem;
  fail({CloseReason::kHandshakeFailed, with_});
}

}  // namespace sluice::proxy
