// A session's stages: on the client's socket before a server is chosen, on the server's before
// bytes are relayed.
#include <utility>

#include "base/assert.h"
#include "proxy/session.h"

namespace sluice::proxy {

const StageSequence* Session::stages() const noexcept {
  if (state_ == State::kGreeting) return &frontend_.greeting;
  SLUICE_ASSERT(server_index_.has_value());
  return *server_index_ < backend_->introductions.size() ? &backend_->introductions[*server_index_]
                                                         : nullptr;
}

StageSeat Session::seat() {
  if (!findings_) {
    findings_ = std::make_unique<Findings>();
    findings_->client = client_address_;
  }
  const int fd = state_ == State::kIntroducing ? server_.get() : client_.get();
  StageHost& host = *this;
  return {context_.relay, host, *findings_, fd, client_.get(), context_.worker, id_};
}

/// Starts the next stage that has something to do for this session. Where none is left, the session
/// goes on.
void Session::start_next_stage() noexcept {
  const StageSequence* sequence = stages();
  while (sequence != nullptr && next_stage_ < sequence->size()) {
    stage_ = (*sequence)[next_stage_++]->make(seat());
    if (!stage_) continue;
    arm(stage_->time_limit().after);
    return stage_->start();
  }
  next_stage_ = 0;
  if (state_ == State::kGreeting) return end_greeting();
  begin_relaying();
}

/// What the stage has come to. One that still has something in flight is waited for first.
void Session::follow_stage() noexcept {
  while (stage_ && (state_ == State::kGreeting || state_ == State::kIntroducing)) {
    if (stage_->progress() == Stage::Progress::kWorking) return;
    const bool has_failed = stage_->progress() == Stage::Progress::kFailed;
    const Ending ending = stage_->ending();
    timer_.disarm();
    const bool may_another_do = state_ == State::kIntroducing && ending.side == Side::kServer;
    if (has_failed && !may_another_do) return begin_closing(ending);
    stage_->stop();
    if (!stage_->is_quiet()) return;
    stage_.reset();
    if (!has_failed) {
      start_next_stage();
    } else {
      next_stage_ = 0;
      server()->slot(context_.worker).traffic.errors.add(1);
      server()->note_failure(backend_->outlier, now());
      findings_->from_server.clear();
      findings_->server_tls.reset();
      if (!findings_->problem.empty()) {
        findings_->problem = "server " + server()->name() + ": " + findings_->problem;
      }
      move_on(ending);
    }
  }
}

/// A client that is not served now, or not at all, can resume its session when it comes again.
void Session::hand_out_tickets() noexcept {
  if (findings_ && findings_->client_tls) send_unsent(*findings_->client_tls, client_.get());
}

void Session::end_greeting() noexcept {
  client_address_ = findings_->client;
  BackendRoute* chosen = findings_->backend;
  if (chosen == nullptr) chosen = frontend_.route_for(findings_->server_name);
  if (chosen == nullptr) return begin_closing({CloseReason::kNoServer, Side::kUs});
  backend_ = chosen;
  greeted_at_ = now();
  connect_to_next();
}

}  // namespace sluice::proxy
