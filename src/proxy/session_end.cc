// The end of a session: everything in flight comes back, last bytes arrive, the record is written.
#include <algorithm>
#include <chrono>
#include <utility>

#include "proxy/linger_stage.h"
#include "proxy/session.h"
#include "sys/socket.h"

namespace sluice::proxy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// How long the bytes before a reset get to arrive.
constexpr seconds kDeliveryLimit{10};
constexpr milliseconds kFirstDeliveryCheck{2};
constexpr milliseconds kLastDeliveryCheck{250};

}  // namespace

void Session::begin_closing(Ending ending) noexcept {
  hand_out_tickets();
  if (findings_ && findings_->http) answer_client(ending);
  if (findings_ && findings_->is_client_told) {
    part_with(client_, false);
    is_lingering_due_ = true;
  }
  ending_ = ending;
  if (is_waiting()) give_place_up();
  enter(State::kClosing);
  timer_.disarm();
  context_.relay.reactor.ring().cancel(connect_);
  if (stage_) stage_->stop();
  if (upstream_) upstream_->stop();
  if (downstream_) downstream_->stop();
}

void Session::finish_closing() noexcept {
  record();
  if (parting_ != &server_) leave_server();
  if (parting_ == nullptr) return finish();
  enter(State::kDelivering);
  parting_deadline_ = now() + kDeliveryLimit;
  parting_check_ = kFirstDeliveryCheck;
  return is_lingering_due_ ? begin_lingering() : check_delivery();
}

void Session::begin_lingering() {
  stage_ = std::make_unique<LingerStage>(seat());
  arm(stage_->time_limit().after);
  stage_->start();
}

void Session::follow_lingering() noexcept {
  if (stage_->progress() == Stage::Progress::kWorking) return;
  stage_->stop();
  if (!stage_->is_quiet()) return;
  stage_.reset();
  timer_.disarm();
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
  if (parting_ != nullptr && is_reset_due_) sys::reset_on_close(parting_->get());
  context_.relay.reactor.ring().close(std::move(client_));
  if (findings_) findings_->address_place = {};
  leave_server();
  leave_frontend();
}

void Session::record() noexcept {
  context_.reasons.count(ending_.reason, ending_.side);
  context_.session_time.record(now() - began_at_);
  if (!upstream_) frontend_.state->traffic(context_.worker).errors.add(1);
  if (tls_ && upstream_) count_tls();
  if (!context_.is_logging) return;
  SessionRecord record;
  record.id = id_;
  record.generation = pin_.table->generation();
  record.frontend = frontend_.state;
  record.backend = &backend();
  record.server = server();
  record.client = client_address_;
  if (server_index_) record.server_address = server_address_;
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
  if (findings_) record_tls(record);
  context_.log.push(record);
}

void Session::count_tls() noexcept {
  SecureContext& secure = *context_.relay.secure;
  secure.gears.count(upstream_->user_reason());
  secure.gears.count(downstream_->user_reason());
  if (upstream_->state().is_given_up || downstream_->state().is_given_up) {
    secure.stranded.add(1);
    findings_->problem = "this kernel cannot replace a TLS key";
  }
}

void Session::record_tls(SessionRecord& record) const {
  record.problem = findings_->problem;
  if (tls_ && upstream_) {
    record.has_tls = true;
    record.upstream_gear = upstream_->user_reason();
    record.downstream_gear = downstream_->user_reason();
  }
  record.server_name = findings_->server_name;
  if (const TlsLeg* const leg = findings_->client_tls.get(); leg != nullptr) {
    record.client_tls = {leg->negotiated.version, leg->negotiated.cipher};
  }
  if (const TlsLeg* const leg = findings_->server_tls.get(); leg != nullptr) {
    record.server_tls = {leg->negotiated.version, leg->negotiated.cipher};
  }
}

}  // namespace sluice::proxy
