// Choosing a server and connecting to it; moving on to another one.
#include <chrono>
#include <utility>

#include "proxy/session.h"
#include "sys/socket.h"

namespace sluice::proxy {
namespace {

using balance::WaitLine;
using std::chrono::seconds;

/// A server that has just refused is tried again only after this, as HAProxy does; another one at
/// once.
constexpr seconds kRetryPause{1};

}  // namespace

void Session::connect_to_next() noexcept {
  static_cast<void>(try_to_connect(WaitLine::kNewcomer));
}

/// Goes to the server that is next, or waits for it. False where it waits.
bool Session::try_to_connect(std::uint64_t ticket) noexcept {
  const balance::PickContext wish{
      .worker = context_.worker,
      .client = client_address_,
      .tried = tried_.indices(),
      .now = now(),
      .tls_session =
          findings_ && findings_->client_tls ? findings_->client_tls->negotiated.session_number : 0,
      .ticket = ticket,
  };
  const bool has_waited = state_ == State::kWaiting;
  const auto taken = backend_->balance.take_or_wait(wish, bound_server(wish));
  if (!taken && taken.error() == nullptr) {
    begin_closing({CloseReason::kNoServer, Side::kUs});
    return true;
  }
  if (!taken) {
    WaitLine& line = *taken.error();
    if (!has_waited) {
      wait_for_server(line);
    } else if (&line != wait_->line()) {
      change_line(line);
    }
    return false;
  }
  server_index_ = *taken;
  if (has_waited) {
    timer_.disarm();
    greeted_at_ = now();  // the time to connect is none that was spent in the queue
    leave_line();
    call_waiting();
  }
  const auto tried = tried_.indices();
  if (!tried.empty() && tried.back() == *taken) {
    enter(State::kPausing);
    hand_out_tickets();
    arm(kRetryPause);
  } else {
    submit_connect();
  }
  return true;
}

void Session::submit_connect() noexcept {
  enter(State::kConnecting);
  server_address_ = backend_->addresses[*server_index_].get();
  if (!server_address_.is_specified()) return on_connect_failed(EHOSTUNREACH);  // a name unknown
  server_ = sys::make_tcp_socket(server_address_.family());
  if (!server_.is_open()) return begin_closing({CloseReason::kLimit, Side::kUs});
  is_server_slow_ = true;
  is_timed_out_ = false;
  context_.relay.reactor.ring().connect(connect_, server_.get(), server_address_.data(),
                                        server_address_.size());
  arm(backend_->connect_timeout);
}

void Session::on_connect(uring::Outcome outcome) noexcept {
  if (state_ != State::kConnecting) return;
  timer_.disarm();
  if (outcome.result == 0) return begin_introducing();
  on_connect_failed(-outcome.result);
}

void Session::on_connect_failed(int error) noexcept {
  if (sys::is_shortage(error)) return begin_closing({CloseReason::kLimit, Side::kUs});
  // Ours, but another server may do.
  if (sys::is_out_of_ports(error)) return move_on({CloseReason::kLimit, Side::kUs});
  server()->slot(context_.worker).traffic.errors.add(1);
  server()->note_failure(backend_->outlier, now());
  move_on(
      {is_timed_out_ ? CloseReason::kConnectTimeout : CloseReason::kConnectFailed, Side::kServer});
}

/// Leaves the server for another one; ends like this where there have been enough.
void Session::move_on(Ending ending) noexcept {
  if (retries_ >= backend_->retries) return begin_closing(ending);
  ++retries_;
  server()->slot(context_.worker).traffic.retries.add(1);
  const std::uint32_t failed = *server_index_;
  leave_server();
  tried_.add(failed);
  connect_to_next();
}

void Session::leave_server() noexcept {
  context_.relay.reactor.ring().close(std::move(server_));
  if (!server_index_) return;
  backend_->balance.candidate(*server_index_).state->session_ended();
  server_index_.reset();
  call_waiting();
}

void Session::begin_introducing() noexcept {
  const StageSequence* sequence = stages();
  if (sequence == nullptr || sequence->empty()) return begin_relaying();
  sys::set_no_delay(server_.get());
  is_server_slow_ = false;
  enter(State::kIntroducing);
  start_next_stage();
}

}  // namespace sluice::proxy
