// A session's part in HTTP: the server that a cookie names, the editors, and the answer where no
// server gives one.
#include "proxy/session_http.h"

#include <sys/socket.h>

#include <utility>

#include "proxy/cookie_jar.h"
#include "proxy/http_answer.h"
#include "proxy/http_findings.h"
#include "proxy/session.h"

namespace sluice::proxy {
namespace {

/// The address alone, as X-Forwarded-For has it.
std::string address_text(const Endpoint& client) {
  if (!client.is_specified()) return "unknown";
  std::string text = client.to_string();
  text.erase(text.rfind(':') == std::string::npos ? text.size() : text.rfind(':'));
  if (text.starts_with('[')) text = text.substr(1, text.size() - 2);
  return text;
}

}  // namespace

SessionHttp::SessionHttp(const wire::RequestHead& request, RequestChanges changes, std::string line)
    : is_connect_(request.is_connect), response_(std::move(line)) {
  if (changes.is_needed()) requests_.emplace(std::move(changes));
}

void SessionHttp::begin(Direction& upstream, Direction& downstream) noexcept {
  if (requests_) upstream.edit_with(*requests_);
  downstream.edit_with(response_);
}

std::optional<Ending> SessionHttp::follow(Direction& upstream,
                                          const Direction& downstream) noexcept {
  if (response_.is_refused()) return Ending{CloseReason::kResponseInvalid, Side::kServer};
  if (lacks_answer()) {
    const RelayState& state = downstream.state();
    if (state.source_ended) return Ending{CloseReason::kServerClosed, Side::kServer};
    if (state.source_failed) return Ending{CloseReason::kServerReset, Side::kServer};
  } else if (requests_ && !std::exchange(is_answer_told_, true)) {
    const int status = response_.status();
    const bool is_tunnel = is_connect_ && status / 100 == 2;
    requests_->on_answer(status == kSwitchingProtocols || is_tunnel);
    upstream.edit_more();
  }
  if (requests_ && requests_->problem() != nullptr) {
    return Ending{CloseReason::kRequestInvalid, Side::kClient};
  }
  return std::nullopt;
}

const char* SessionHttp::problem() const noexcept {
  if (response_.is_refused()) return "the server did not answer with HTTP";
  return requests_ ? requests_->problem() : nullptr;
}

// --- Session ---

/// The server that the client is bound to, where it can take the session.
std::optional<std::uint32_t> Session::bound_server(
    const balance::PickContext& wish) const noexcept {
  if (!backend_->cookies || !findings_ || !findings_->http) return std::nullopt;
  const auto named = backend_->cookies->find(findings_->http->head_text());
  if (!named || !backend_->balance.can_serve_bound(*named, wish)) return std::nullopt;
  return named;
}

void Session::begin_http() {
  HttpFindings& found = *findings_->http;
  RequestChanges changes;
  std::string line;
  if (const CookieJar* const jar = backend_->cookies.get(); jar != nullptr) {
    if (jar->is_stripped()) changes.strip_cookie = jar->name();
    if (jar->find(found.head_text()) != server_index_) {
      line = jar->line_for(*server_index_, frontend_.terminates_tls ? CookieJar::Over::kTls
                                                                    : CookieJar::Over::kPlain);
    }
  }
  if (frontend_.forwarded) {
    changes.forwarded_for = address_text(client_address_);
    changes.forwarded_proto = frontend_.terminates_tls ? "https" : "http";
  }
  http_ = std::make_unique<SessionHttp>(found.head, std::move(changes), std::move(line));
  http_->begin(*upstream_, *downstream_);
}

/// The status to answer with, 0 for none.
int Session::answer_status(const Ending& ending) const noexcept {
  if (!findings_ || !findings_->http || parting_ != nullptr) return 0;
  const HttpFindings& found = *findings_->http;
  const bool is_head_at_fault = ending.reason == CloseReason::kRequestInvalid ||
                                ending.reason == CloseReason::kRequestTimeout;
  if (found.head_size == 0) return is_head_at_fault ? found.refusal : 0;
  if (upstream_ && (!http_ || !http_->lacks_answer())) return 0;
  if (downstream_ && (downstream_->state().held > 0 || downstream_->state().is_sending)) return 0;
  return status_for(ending);
}

void Session::answer_client(const Ending& ending) noexcept {
  if (http_ && http_->problem() != nullptr) findings_->problem = http_->problem();
  const int status = answer_status(ending);
  std::string answer;
  if (status != 0) {
    const auto body = findings_->http->head.is_head ? AnswerBody::kLeftOut : AnswerBody::kSent;
    answer = make_answer(status, ending.side == Side::kClient ? findings_->problem : std::string(),
                         body);
  }
  if (!send_answer(answer) || answer.empty()) return;
  static_cast<void>(::shutdown(client_.get(), SHUT_WR));
  part_with(client_, false);
  is_lingering_due_ = true;
}

/// Whether the client's socket took it. One that was sent little or nothing before takes it whole.
/// A client in TLS to which nobody relays gets a close_notify in any case.
bool Session::send_answer(std::string_view answer) noexcept {
  SecureLeg* const leg = tls_ ? tls_->client() : findings_->client_leg.get();
  if (leg != nullptr && (!tls_ || !answer.empty())) {
    return send_last_words(*context_.relay.secure, *leg, client_.get(), answer);
  }
  return !answer.empty() &&
         ::send(client_.get(), answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0;
}

}  // namespace sluice::proxy
