// Two directions under way: judging them together, passing ends on, and watching that something
// moves.
#include <algorithm>
#include <chrono>
#include <utility>

#include "proxy/session.h"
#include "sys/socket.h"

namespace sluice::proxy {
namespace {

using std::chrono::seconds;

/// The kernel watches the server's end with keepalive probes once a session has lived this long:
/// short ones are spared the calls.
constexpr seconds kKeepaliveAfter{5};

}  // namespace

void Session::begin_relaying() noexcept {
  enter(State::kRelaying);
  connect_time_ = now() - greeted_at_;
  context_.connect_time.record(connect_time_);
  server()->note_success();
  auto& ours = frontend_.state->traffic(context_.worker);
  auto& theirs = server()->slot(context_.worker).traffic;
  if (findings_) tls_ = SessionTls::take(*findings_);
  if (tls_ && tls_->is_broken()) return begin_closing({CloseReason::kInternal, Side::kUs});
  SecureLeg* const client = tls_ ? tls_->client() : nullptr;
  SecureLeg* const server = tls_ ? tls_->server() : nullptr;
  upstream_ = make_direction(
      {client_.get(), server_.get(), ours.bytes_in, theirs.bytes_in, is_server_slow_},
      {client, server});
  downstream_ = make_direction({server_.get(), client_.get(), ours.bytes_out, theirs.bytes_out},
                               {server, client});
  if (findings_ && findings_->http) begin_http();
  if (findings_) {
    upstream_->begin_with(std::exchange(findings_->from_client, {}));
    if (findings_->http) {
      upstream_->begin_with_plaintext(std::exchange(findings_->http->request, {}));
    }
    downstream_->begin_with(std::exchange(findings_->from_server, {}));
  }
  upstream_->advance();
  downstream_->advance();
  note_question();
  check_quietness();
}

DirectionPtr Session::make_direction(const DirectionEnds& ends, SecureRelay::Legs legs) {
  RelayHost& host = *this;
  RelayContext& relay = context_.relay;
  const bool is_plain = legs.source == nullptr && legs.sink == nullptr;
  if (is_plain) return DirectionPtr(&relay.relays.make(relay, host, run_, ends));
  SecureContext& secure = *relay.secure;
  return DirectionPtr(&secure.relays.make(secure, host, run_, ends, legs));
}

void Session::judge_relays() noexcept {
  note_question();
  note_ends();
  if (http_) {
    if (const auto ending = http_->follow(*upstream_, *downstream_)) return begin_closing(*ending);
    if (http_->is_over()) http_.reset();
  }
  const Judgement judgement = judge(upstream_->state(), downstream_->state(), first_end_);
  switch (judgement.verdict) {
    case Verdict::kContinue:
      return;
    case Verdict::kPassEndUpstream:
      return pass_end(*upstream_);
    case Verdict::kPassEndDownstream:
      return pass_end(*downstream_);
    case Verdict::kFinish:
      // Closing a socket with unread bytes resets it: what it was sent last must have arrived
      // before.
      if (upstream_->state().sink_failed && !downstream_->state().sink_failed) {
        part_with(client_, false);
      }
      if (downstream_->state().sink_failed && !upstream_->state().sink_failed) {
        part_with(server_, false);
      }
      break;
    case Verdict::kResetServer:
      part_with(server_, true);
      break;
    case Verdict::kResetClient:
      part_with(client_, true);
      break;
  }
  begin_closing(judgement.ending);
}

void Session::pass_end(Direction& direction) noexcept {
  direction.pass_end();
  check_quietness();
  // No completion follows where the end went out at once, and it may have been the last one.
  const RelayState& now = direction.state();
  if (state_ == State::kRelaying && (now.sink_shut || now.is_broken)) judge_relays();
}

void Session::note_ends() noexcept {
  const RelayState& up = upstream_->state();
  const RelayState& down = downstream_->state();
  if (first_end_ == Side::kUs && (up.source_ended || down.source_ended)) {
    first_end_ = up.source_ended ? Side::kClient : Side::kServer;
  }
  // The error of a reset is given out once: when a send got it, the receive sees a bare end.
  if (up.sink_failed && !down.source_ended) downstream_->mark_source_broken();
  if (down.sink_failed && !up.source_ended) upstream_->mark_source_broken();
}

void Session::part_with(sys::Fd& fd, bool is_reset) noexcept {
  parting_ = &fd;
  is_reset_due_ = is_reset;
}

bool Session::is_half_closed() const noexcept {
  return upstream_->state().sink_shut || downstream_->state().sink_shut;
}

base::Duration Session::quiet_limit() const noexcept {
  const BackendRoute& backend = *backend_;
  const base::Duration idle = backend.idle_timeout;
  const base::Duration half_closed = backend.half_closed_timeout;
  if (!is_half_closed() || half_closed == base::Duration(0)) return idle;
  return idle == base::Duration(0) ? half_closed : std::min(idle, half_closed);
}

base::TimePoint Session::last_activity() const noexcept {
  return std::max(upstream_->last_activity(), downstream_->last_activity());
}

/// The server's time to answer begins with the client's first byte.
void Session::note_question() noexcept {
  const bool is_first = asked_at_ == base::TimePoint() && upstream_->bytes() > 0;
  if (!is_first || backend_->response_timeout == base::milliseconds(0)) return;
  asked_at_ = now();
  context_.relay.reactor.timers().arm(timer_, now());  // check_quietness() sees to the rest
}

/// What is left of it; nothing where none is set, before a question and once there was an answer.
std::optional<base::Duration> Session::time_to_answer() const noexcept {
  if (asked_at_ == base::TimePoint() || downstream_->bytes() > 0) return std::nullopt;
  return backend_->response_timeout - (now() - asked_at_);
}

// One timer serves the quiet limit without being moved for every byte: when it fires it looks at
// the last byte's time.
void Session::check_quietness() noexcept {
  const base::Duration limit = quiet_limit();
  const base::Duration quiet = now() - last_activity();
  if (limit != base::Duration(0) && quiet >= limit) {
    return begin_closing(
        {is_half_closed() ? CloseReason::kHalfClosedTimeout : CloseReason::kIdleTimeout,
         Side::kUs});
  }
  base::Duration next = limit == base::Duration(0) ? limit : limit - quiet;
  if (const auto left = time_to_answer()) {
    if (*left <= base::Duration(0)) {
      return begin_closing({CloseReason::kResponseTimeout, Side::kServer});
    }
    next = next == base::Duration(0) ? *left : std::min(next, *left);
  }
  const bool wants_keepalive = !has_keepalive_ && backend_->keepalive == sys::Keepalive::kOn;
  if (wants_keepalive && now() - began_at_ >= kKeepaliveAfter) {
    sys::set_keepalive(client_.get(), sys::Keepalive::kOn);
    sys::set_keepalive(server_.get(), sys::Keepalive::kOn);
    has_keepalive_ = true;
  } else if (wants_keepalive) {
    const base::Duration until = kKeepaliveAfter - (now() - began_at_);
    next = next == base::Duration(0) ? until : std::min(next, until);
  }
  arm(next);
}

}  // namespace sluice::proxy
