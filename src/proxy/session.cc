#include "proxy/session.h"

#include <chrono>
#include <string>
#include <utility>

#include "base/assert.h"
#include "sys/socket.h"

namespace sluice::proxy {
namespace {

using State = Session::State;

bool is_edge(State from, State to) noexcept {
  switch (to) {
    case State::kAdmitting:
      return false;
    case State::kGreeting:
      return from == State::kAdmitting;
    case State::kWaiting:
      return from == State::kGreeting || from == State::kConnecting || from == State::kIntroducing;
    case State::kConnecting:
      return from == State::kGreeting || from == State::kWaiting || from == State::kConnecting ||
             from == State::kPausing || from == State::kIntroducing;
    case State::kPausing:
      return from == State::kConnecting || from == State::kWaiting || from == State::kIntroducing;
    case State::kIntroducing:
      return from == State::kConnecting;
    case State::kRelaying:
      return from == State::kConnecting || from == State::kIntroducing;
    case State::kClosing:
      return from < State::kClosing;
    case State::kDelivering:
      return from == State::kClosing;
    case State::kEnded:
      return from == State::kClosing || from == State::kDelivering;
  }
  return false;
}

const char* name_of(State state) noexcept {
  switch (state) {
    case State::kGreeting:
      return "greeting";
    case State::kAdmitting:
    case State::kWaiting:
      return "waiting";
    case State::kConnecting:
    case State::kPausing:
    case State::kIntroducing:
      return "connecting";
    case State::kRelaying:
      return "relaying";
    case State::kClosing:
    case State::kDelivering:
    case State::kEnded:
      return "closing";
  }
  return "closing";
}

}  // namespace

Session::Session(SessionContext& context, std::uint64_t id, sys::Fd client, TablePin& pin,
                 FrontendRoute& frontend) noexcept
    : context_(context),
      pin_(pin),
      frontend_(frontend),
      backend_(frontend.backend),
      id_(id),
      began_at_(now()),
      greeted_at_(began_at_),
      client_(std::move(client)),
      client_address_(sys::remote_endpoint(client_.get())) {
  context_.pins.session_began(pin_);
}

Session::~Session() {
  SLUICE_ASSERT(state_ == State::kEnded);
  SLUICE_ASSERT(is_quiet());
  // What still waits for tickets is counted by a context of the table.
  downstream_.reset();
  upstream_.reset();
  tls_.reset();
  findings_.reset();
  context_.pins.session_ended(pin_);
}

void Session::enter(State next) noexcept {
  SLUICE_ASSERT(is_edge(state_, next));
  state_ = next;
}

bool Session::is_quiet() const noexcept {
  return !connect_.is_in_flight() && (!stage_ || stage_->is_quiet()) &&
         (!wait_ || wait_->is_quiet()) && (!upstream_ || upstream_->is_quiet()) &&
         (!downstream_ || downstream_->is_quiet());
}

void Session::settle() noexcept {
  if (wait_ && is_waiting() && wait_->is_client_gone()) {
    begin_closing({CloseReason::kClientReset, Side::kClient});
  }
  if (stage_) follow_stage();
  if (state_ == State::kRelaying) judge_relays();
  if (state_ == State::kClosing && is_quiet()) finish_closing();
  if (state_ == State::kDelivering && stage_) follow_lingering();
  if (state_ == State::kEnded) context_.owner.on_session_ended(*this);
}

void Session::close(CloseReason reason) noexcept {
  if (state_ == State::kDelivering) {
    parting_deadline_ = now();
    if (stage_) stage_->stop();
    if (!stage_) finish();
  } else if (state_ != State::kClosing && state_ != State::kEnded) {
    begin_closing({reason, Side::kUs});
  }
  settle();
}

void Session::arm(base::Duration after) noexcept {
  if (after == base::Duration(0)) return timer_.disarm();
  context_.relay.reactor.timers().arm(timer_, now() + after);
}

void Session::on_timer() noexcept {
  switch (state_) {
    case State::kGreeting:
    case State::kIntroducing:
      return stage_->expire();
    case State::kConnecting:
      is_timed_out_ = true;
      return context_.relay.reactor.ring().cancel(connect_);
    case State::kWaiting:
      return begin_closing({CloseReason::kQueueTimeout, Side::kUs});
    case State::kPausing:
      return submit_connect();
    case State::kRelaying:
      return check_quietness();
    case State::kDelivering:
      return stage_ ? stage_->expire() : check_delivery();
    case State::kAdmitting:
    case State::kClosing:
    case State::kEnded:
      return;
  }
}

// --- Looking at it ---

balance::ServerState* Session::server() const noexcept {
  return server_index_ ? backend_->balance.candidate(*server_index_).state : nullptr;
}

const balance::BackendState& Session::backend() const noexcept {
  return backend_->balance.state();
}

SessionRow Session::describe() const {
  const auto seconds_of = [](base::Duration time) {
    return std::chrono::duration<double>(time).count();
  };
  SessionRow row;
  row.id = id_;
  row.frontend = frontend_.state->name();
  row.backend = backend().name();
  const balance::ServerState* chosen = server();
  row.server = chosen != nullptr ? chosen->name() : "-";
  row.client = client_address_.to_string();
  row.address = server_index_ ? server_address_.to_string() : "-";
  row.age = seconds_of(now() - began_at_);
  row.idle = row.age;
  row.state = name_of(state_);
  row.tls = row.tls_in = row.tls_out = "-";
  row.relay = row.relay_in = row.relay_out = "copy";
  row.generation = pin_.table->generation();
  row.worker = context_.worker;
  if (!upstream_) return row;
  row.idle = seconds_of(now() - last_activity());
  if (tls_) {
    row.tls_in = gear_text(upstream_->user_reason());
    row.tls_out = gear_text(downstream_->user_reason());
    row.tls = gear_text(upstream_->user_reason(), downstream_->user_reason());
  }
  row.bytes_in = upstream_->bytes();
  row.bytes_out = downstream_->bytes();
  if (state_ == State::kRelaying && is_half_closed()) row.state = "half_closed";
  if (upstream_->state().gear == Gear::kSplice) row.relay = row.relay_in = "splice";
  if (downstream_->state().gear == Gear::kSplice) row.relay = row.relay_out = "splice";
  return row;
}

}  // namespace sluice::proxy
