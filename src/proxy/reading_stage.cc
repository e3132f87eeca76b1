#include "proxy/reading_stage.h"

#include <utility>

#include "proxy/relay.h"
#include "proxy/socket_errors.h"

namespace sluice::proxy {

void ReadingStage::start() noexcept {
  const ByteString early = std::exchange(seat_.findings.from_client, {});
  if (!early.empty()) take(early);
  wait_unless_over();
}

void ReadingStage::cancel() noexcept {
  seat_.context.reactor.ring().cancel(receive_);
}

void ReadingStage::wait_unless_over() noexcept {
  if (progress() != Progress::kWorking) return;
  seat_.context.reactor.ring().receive(receive_, seat_.fd, buffer_);
}

void ReadingStage::on_receive(uring::Outcome outcome) noexcept {
  if (progress() != Progress::kWorking) return;
  if (outcome.result == 0) return fail({CloseReason::kClientClosed, Side::kClient});
  if (outcome.result > 0) {
    take(std::span(buffer_).first(static_cast<std::size_t>(outcome.result)));
  } else if (!is_retry(-outcome.result)) {
    return fail({CloseReason::kClientReset, Side::kClient});
  }
  wait_unless_over();
}

}  // namespace sluice::proxy
