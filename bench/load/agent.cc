#include "agent.h"

namespace sluice::bench {
namespace {

// Registered once for the life of a connection: no system call is spent on changing interest.
constexpr std::uint32_t kEdges = EPOLLIN | EPOLLOUT | EPOLLET;

}  // namespace

KeptAgent::KeptAgent(const AgentContext& context, Fd fd) : Agent(context) {
  fd_ = std::move(fd);
  context_.poller.add(fd_, kEdges, *this);
}

void KeptAgent::begin(Time intended) {
  intended_ = intended;
  is_busy_ = true;
  settle(exchange_.begin(fd_));
}

// The first event of a connection only says that it is writable; an idle one that hears an error
// or an end finds it at its next exchange.
void KeptAgent::on_events(std::uint32_t) {
  if (is_busy_) settle(exchange_.advance(fd_));
}

void KeptAgent::settle(Progress progress) {
  if (progress == Progress::kPending) return;
  is_busy_ = false;
  if (progress == Progress::kDone) {
    record_latency();
    context_.owner.on_finished(*this);
    return;
  }
  fd_.reset();
  context_.owner.on_lost(*this);
}

// A connect that fails at once (no port, no descriptor) loses the slot: beginning again here would
// only spin, and a run with failures counts for nothing.
void ShortAgent::begin(Time intended) {
  intended_ = intended;
  is_connecting_ = true;
  ++context_.tally.connections;
  Result<Fd> fd = start_connect(target_, source_);
  if (!fd) {
    ++context_.tally.failures.connect;
    context_.owner.on_lost(*this);
    return;
  }
  fd_ = std::move(*fd);
  context_.poller.add(fd_, kEdges, *this);
}

void ShortAgent::on_events(std::uint32_t events) {
  if (!fd_.is_open()) return;
  const Progress progress = is_connecting_ ? begin_exchange(events) : exchange_.advance(fd_);
  if (progress == Progress::kPending) return;
  fd_.reset();
  if (progress == Progress::kDone) record_latency();
  context_.owner.on_finished(*this);
}

Progress ShortAgent::begin_exchange(std::uint32_t events) {
  is_connecting_ = false;
  if (events & (EPOLLERR | EPOLLHUP)) {
    ++context_.tally.failures.connect;
    return Progress::kFailed;
  }
  return exchange_.begin(fd_);
}

}  // namespace sluice::bench
