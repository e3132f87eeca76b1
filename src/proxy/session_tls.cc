#include "proxy/session_tls.h"

#include <sys/socket.h>

#include <span>
#include <utility>

#include "proxy/secure_relay.h"

namespace sluice::proxy {

std::unique_ptr<SessionTls> SessionTls::take(Findings& findings) {
  if (findings.client_tls == nullptr && findings.server_tls == nullptr) return nullptr;
  auto out = std::make_unique<SessionTls>();
  out->client_ = findings.client_leg ? std::move(findings.client_leg)
                                     : out->take_leg(findings.client_tls.get());
  out->server_ = out->take_leg(findings.server_tls.get());
  return out;
}

std::unique_ptr<SecureLeg> SessionTls::take_leg(TlsLeg* found) {
  if (found == nullptr) return nullptr;
  auto leg = SecureLeg::make(found->secrets);
  found->secrets = tls::SessionSecrets();
  if (leg != nullptr) {
    leg->read_tickets_with(std::move(found->tickets));
    leg->owe(std::move(found->unsent));
  }
  is_broken_ = is_broken_ || leg == nullptr;
  return leg;
}

void send_unsent(TlsLeg& leg, int fd) noexcept {
  if (leg.unsent.empty()) return;
  const auto sent = ::send(fd, leg.unsent.data(), leg.unsent.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent > 0) leg.unsent.erase(leg.unsent.begin(), leg.unsent.begin() + sent);
}

namespace {

/// The same where the kernel seals what goes to the socket.
bool send_plain_last_words(SecureLeg& leg, int fd, std::string_view text) noexcept {
  if (leg.send_output() != 0 || leg.is_shut()) return leg.is_shut();
  const auto sent = ::send(fd, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  return sent == static_cast<std::int64_t>(text.size()) && leg.send_end() == 0;
}

}  // namespace

bool send_last_words(SecureContext& context, SecureLeg& leg, int fd,
                     std::string_view text) noexcept {
  if (leg.is_in_kernel(tls::Half::kTransmit)) return send_plain_last_words(leg, fd, text);
  RecordBuffer* const out = context.buffers.borrow(BufferSize::kSmall, BufferUse::kSend);
  if (out == nullptr) return false;
  const auto bytes = std::as_bytes(std::span(text.data(), text.size()));
  bool is_said = leg.seal_output(context.aead, *out);
  if (is_said && !leg.is_shut()) {
    is_said = leg.seal(context.aead, bytes, *out) == static_cast<std::int64_t>(bytes.size()) &&
              leg.seal_end(context.aead, *out);
  }
  const auto sealed = out->filled();
  const auto sent = ::send(fd, sealed.data(), sealed.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  is_said = is_said && sent == static_cast<std::int64_t>(sealed.size());
  context.buffers.give_back(out);
  return is_said;
}

}  // namespace sluice::proxy
