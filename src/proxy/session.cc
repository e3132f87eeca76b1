#include "proxy/session.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include "sys/socket.h"

namespace sluice::proxy {
namespace {

using State = Session::State;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// A server that has just refused is tried again only after this, as HAProxy does; another one at
/// once.
constexpr seconds kRetryPause{1};

/// The kernel watches the server's end with keepalive probes once a session has lived this long:
/// short ones are spared the calls.
constexpr seconds kKeepaliveAfter{5};

/// How long the bytes before a reset get to arrive.
constexpr seconds kDeliveryLimit{10};
constexpr milliseconds kFirstDeliveryCheck{2};
constexpr milliseconds kLastDeliveryCheck{250};

bool is_edge(State from, State to) noexcept {
  switch (to) {
    case State::kConnecting:
      return from == State::kConnecting || from == State::kPausing;
    case State::kPausing:
    case State::kRelaying:
      return from == State::kConnecting;
    case State::kClosing:
      return from == State::kConnecting || from == State::kPausing || from == State::kRelaying;
    case State::kDelivering:
      return from == State::kClosing;
    case State::kEnded:
      return from == State::kClosing || from == State::kDelivering;
  }
  return false;
}

}  // namespace

Session::Session(SessionContext& context, std::uint64_t id, sys::Fd client, TablePin& pin,
                 FrontendRoute& frontend) noexcept
    : context_(context),
      pin_(pin),
      frontend_(frontend),
      id_(id),
      began_at_(now()),
      client_(std::move(client)),
      client_address_(sys::remote_endpoint(client_.get())) {
  frontend_.state->sessions().up();
  frontend_.state->traffic(context_.worker).total.add(1);
  context_.pins.session_began(pin_);
}

Session::~Session() {
  SLUICE_ASSERT(state_ == State::kEnded);
  SLUICE_ASSERT(is_quiet());
  context_.pins.session_ended(pin_);
}

void Session::enter(State next) noexcept {
  SLUICE_ASSERT(is_edge(state_, next));
  state_ = next;
}

bool Session::is_quiet() const noexcept {
  return !connect_.is_in_flight() && (!upstream_ || upstream_->is_quiet()) &&
         (!downstream_ || downstream_->is_quiet());
}

void Session::settle() noexcept {
  if (state_ == State::kRelaying) judge_relays();
  if (state_ == State::kClosing && is_quiet()) finish_closing();
  if (state_ == State::kEnded) context_.owner.on_session_ended(*this);
}

void Session::close(CloseReason reason) noexcept {
  if (state_ == State::kDelivering) finish();
  if (state_ != State::kClosing && state_ != State::kEnded) begin_closing({reason, Side::kUs});
  settle();
}

// --- Connecting ---

void Session::start() noexcept {
  connect_to_next();
  settle();
}

void Session::connect_to_next() noexcept {
  const balance::PickContext wish{context_.worker, client_address_, tried_.indices()};
  const auto picked = frontend_.backend->balance.pick(wish);
  if (!picked) return begin_closing({CloseReason::kNoServer, Side::kUs});
  server_index_ = *picked;
  frontend_.backend->balance.candidate(*picked).state->session_began(context_.worker);
  const auto tried = tried_.indices();
  if (!tried.empty() && tried.back() == *picked) {
    enter(State::kPausing);
    return arm(kRetryPause);
  }
  submit_connect();
}

void Session::submit_connect() noexcept {
  enter(State::kConnecting);
  const Endpoint& address = frontend_.backend->addresses[*server_index_];
  server_ = sys::make_tcp_socket(address.family());
  if (!server_.is_open()) return begin_closing({CloseReason::kLimit, Side::kUs});
  is_timed_out_ = false;
  context_.relay.reactor.ring().connect(connect_, server_.get(), address.data(), address.size());
  arm(frontend_.backend->connect_timeout);
}

void Session::on_connect(uring::Outcome outcome) noexcept {
  if (state_ != State::kConnecting) return;
  timer_.disarm();
  if (outcome.result == 0) return begin_relaying();
  on_connect_failed(-outcome.result);
}

void Session::on_connect_failed(int error) noexcept {
  if (sys::is_shortage(error)) return begin_closing({CloseReason::kLimit, Side::kUs});
  auto& counters = server()->slot(context_.worker).traffic;
  const bool is_out_of_ports = sys::is_out_of_ports(error);
  if (!is_out_of_ports) counters.errors.add(1);
  const std::uint32_t failed = *server_index_;
  if (retries_ >= frontend_.backend->retries) {
    if (is_out_of_ports) return begin_closing({CloseReason::kLimit, Side::kUs});
    return begin_closing(
        {is_timed_out_ ? CloseReason::kConnectTimeout : CloseReason::kConnectFailed,
         Side::kServer});
  }
  ++retries_;
  counters.retries.add(1);
  leave_server();
  tried_.add(failed);
  connect_to_next();
}

void Session::leave_server() noexcept {
  server_.reset();
  if (!server_index_) return;
  frontend_.backend->balance.candidate(*server_index_).state->session_ended();
  server_index_.reset();
}

// --- Relaying ---

void Session::begin_relaying() noexcept {
  enter(State::kRelaying);
  connect_time_ = now() - began_at_;
  context_.connect_time.record(connect_time_);
  auto& ours = frontend_.state->traffic(context_.worker);
  auto& theirs = server()->slot(context_.worker).traffic;
  RelayHost& host = *this;
  upstream_.emplace(context_.relay, host, run_,
                    Relay::Ends{client_.get(), server_.get(), ours.bytes_in, theirs.bytes_in});
  downstream_.emplace(context_.relay, host, run_,
                      Relay::Ends{server_.get(), client_.get(), ours.bytes_out, theirs.bytes_out});
  upstream_->advance();
  downstream_->advance();
  check_quietness();
}

void Session::judge_relays() noexcept {
  note_ends();
  const Judgement judgement = judge(upstream_->state(), downstream_->state(), first_end_);
  switch (judgement.verdict) {
    case Verdict::kContinue:
      return;
    case Verdict::kPassEndUpstream:
      return pass_end(*upstream_, server_);
    case Verdict::kPassEndDownstream:
      return pass_end(*downstream_, client_);
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

void Session::pass_end(Relay& relay, const sys::Fd& sink) noexcept {
  static_cast<void>(::shutdown(sink.get(), SHUT_WR));
  relay.mark_sink_shut();
  check_quietness();
}

void Session::part_with(sys::Fd& fd, bool is_reset) noexcept {
  parting_ = &fd;
  is_reset_due_ = is_reset;
}

// --- Time ---

void Session::arm(base::Duration after) noexcept {
  if (after == base::Duration(0)) return timer_.disarm();
  context_.relay.reactor.timers().arm(timer_, now() + after);
}

void Session::on_timer() noexcept {
  switch (state_) {
    case State::kConnecting:
      is_timed_out_ = true;
      return context_.relay.reactor.ring().cancel(connect_);
    case State::kPausing:
      return submit_connect();
    case State::kRelaying:
      return check_quietness();
    case State::kDelivering:
      return check_delivery();
    case State::kClosing:
    case State::kEnded:
      return;
  }
}

bool Session::is_half_closed() const noexcept {
  return upstream_->state().sink_shut || downstream_->state().sink_shut;
}

base::Duration Session::quiet_limit() const noexcept {
  const BackendRoute& backend = *frontend_.backend;
  const base::Duration idle = backend.idle_timeout;
  const base::Duration half_closed = backend.half_closed_timeout;
  if (!is_half_closed() || half_closed == base::Duration(0)) return idle;
  return idle == base::Duration(0) ? half_closed : std::min(idle, half_closed);
}

base::TimePoint Session::last_activity() const noexcept {
  return std::max(upstream_->last_activity(), downstream_->last_activity());
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
  const bool wants_keepalive =
      !has_keepalive_ && frontend_.backend->keepalive == sys::Keepalive::kOn;
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

// --- Ending ---

void Session::begin_closing(Ending ending) noexcept {
  ending_ = ending;
  enter(State::kClosing);
  timer_.disarm();
  context_.relay.reactor.ring().cancel(connect_);
  if (upstream_) upstream_->stop();
  if (downstream_) downstream_->stop();
}

void Session::finish_closing() noexcept {
  if (parting_ == nullptr) return finish();
  enter(State::kDelivering);
  parting_deadline_ = now() + kDeliveryLimit;
  parting_check_ = kFirstDeliveryCheck;
  check_delivery();
}

void Session::check_delivery() noexcept {
  if (sys::unacknowledged_bytes(parting_->get()) > 0 && now() < parting_deadline_) {
    arm(parting_check_);
    parting_check_ = std::min(parting_check_ * 2, kLastDeliveryCheck);
    return;
  }
  finish();
}

void Session::finish() noexcept {
  enter(State::kEnded);
  record();
  if (parting_ != nullptr && is_reset_due_) sys::reset_on_close(parting_->get());
  client_.reset();
  leave_server();
  frontend_.state->sessions().down();
}

void Session::record() noexcept {
  context_.reasons.count(ending_.reason, ending_.side);
  context_.session_time.record(now() - began_at_);
  if (!upstream_) frontend_.state->traffic(context_.worker).errors.add(1);
  if (!context_.is_logging) return;
  SessionRecord record;
  record.id = id_;
  record.generation = pin_.table->generation();
  record.frontend = frontend_.state;
  record.backend = &backend();
  record.server = server();
  record.client = client_address_;
  if (server_index_) record.server_address = frontend_.backend->addresses[*server_index_];
  record.duration = now() - began_at_;
  record.began_at = std::chrono::system_clock::now() -
                    std::chrono::duration_cast<std::chrono::microseconds>(record.duration);
  record.connect_time = connect_time_;
  record.ending = ending_;
  record.retries = retries_;
  if (upstream_) {
    record.bytes_in = upstream_->bytes();
    record.bytes_out = downstream_->bytes();
    record.upstream_spliced = upstream_->has_spliced();
    record.downstream_spliced = downstream_->has_spliced();
  }
  context_.log.push(record);
}

// --- Looking at it ---

balance::ServerState* Session::server() const noexcept {
  return server_index_ ? frontend_.backend->balance.candidate(*server_index_).state : nullptr;
}

const balance::BackendState& Session::backend() const noexcept {
  return frontend_.backend->balance.state();
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
  row.address = server_index_ ? frontend_.backend->addresses[*server_index_].to_string() : "-";
  row.age = seconds_of(now() - began_at_);
  row.idle = row.age;
  row.state = state_ == State::kConnecting || state_ == State::kPausing ? "connecting" : "closing";
  row.tls = "-";
  row.relay = row.relay_in = row.relay_out = "copy";
  row.generation = pin_.table->generation();
  row.worker = context_.worker;
  if (!upstream_) return row;
  row.idle = seconds_of(now() - last_activity());
  row.bytes_in = upstream_->bytes();
  row.bytes_out = downstream_->bytes();
  if (state_ == State::kRelaying) row.state = is_half_closed() ? "half_closed" : "relaying";
  if (upstream_->state().gear == Gear::kSplice) row.relay = row.relay_in = "splice";
  if (downstream_->state().gear == Gear::kSplice) row.relay = row.relay_out = "splice";
  return row;
}

}  // namespace sluice::proxy
