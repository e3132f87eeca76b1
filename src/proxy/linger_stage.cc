#include "proxy/linger_stage.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

#include "proxy/relay.h"
#include "proxy/socket_errors.h"

namespace sluice::proxy {

void LingerStage::cancel() noexcept {
  seat_.context.reactor.ring().cancel(readable_);
}

void LingerStage::wait() noexcept {
  seat_.context.reactor.ring().poll(readable_, seat_.fd, POLLIN | POLLRDHUP);
}

void LingerStage::on_readable(uring::Outcome outcome) noexcept {
  if (progress() != Progress::kWorking) return;
  if (outcome.result < 0 && !is_retry(-outcome.result)) return finish();
  for (std::uint64_t turn = 0; turn < kTurnBytes;) {
    // tcp(7): with MSG_TRUNC the bytes are dropped without being copied.
    const auto got = ::recv(seat_.fd, buffer_.data(), buffer_.size(), MSG_DONTWAIT | MSG_TRUNC);
    if (got < 0 && errno == EAGAIN) break;
    if (got <= 0) return finish();
    turn += static_cast<std::uint64_t>(got);
    dropped_ += static_cast<std::uint64_t>(got);
    if (dropped_ >= kMaxBytes) return finish();
  }
  wait();
}

}  // namespace sluice::proxy
