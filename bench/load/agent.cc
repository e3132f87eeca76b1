#include "agent.h"

namespace sluice::bench {
namespace {

// Registered once for the life of a connection: no system call is spent on changing interest.
constexpr std::uint32_t kEdges = EPOLLIN | EPOLLOUT | EPOLLET;

}  // namespace

Result<void> KeptAgent::open(const Route& route) {
  Result<std::unique_ptr<Channel>> channel =
      context_.connector.connect(route, memory_, context_.tally.tls);
  if (!channel) return tl::unexpected(channel.error());
  channel_ = std::move(*channel);
  context_.poller.add(channel_->fd(), kEdges, *this);
  return {};
}

void KeptAgent::begin(Time intended) {
  intended_ = intended;
  is_busy_ = true;
  settle(exchange_.begin(*channel_));
}

// The first event of a connection only says that it is writable; an idle one that hears an error
// or an end finds it at its next exchange.
void KeptAgent::on_events(std::uint32_t) {
  if (is_busy_) settle(exchange_.advance(*channel_));
}

void KeptAgent::settle(Progress progress) {
  if (progress == Progress::kPending) return;
  is_busy_ = false;
  if (progress == Progress::kDone) {
    record_latency();
    context_.owner.on_finished(*this);
    return;
  }
  channel_.reset();
  context_.owner.on_lost(*this);
}

// A connect that fails at once (no port, no descriptor) loses the slot: beginning again here would
// only spin, and a run with failures counts for nothing.
void ShortAgent::begin(Time intended) {
  intended_ = intended;
  state_ = State::kConnecting;
  ++context_.tally.connections;
  Result<Fd> fd = start_connect(route_.target, route_.source);
  if (!fd) {
    ++context_.tally.failures.connect;
    context_.owner.on_lost(*this);
    return;
  }
  fd_ = std::move(*fd);
  context_.poller.add(fd_, kEdges, *this);
}

void ShortAgent::on_events(std::uint32_t events) {
  if (!fd_.is_open() && !channel_) return;
  const Progress progress = advance(events);
  if (progress == Progress::kPending) return;
  fd_.reset();
  channel_.reset();
  if (progress == Progress::kDone) record_latency();
  context_.owner.on_finished(*this);
}

Progress ShortAgent::advance(std::uint32_t events) {
  if (state_ == State::kExchanging) return exchange_.advance(*channel_);
  if (state_ == State::kConnecting) {
    if (end_connect(events) == Progress::kFailed) return Progress::kFailed;
  }
  const Progress progress = channel_->shake_hands();
  if (progress == Progress::kFailed) ++context_.tally.failures.handshake;
  return progress == Progress::kDone ? begin_exchange() : progress;
}

Progress ShortAgent::end_connect(std::uint32_t events) {
  state_ = State::kShakingHands;
  if ((events & (EPOLLERR | EPOLLHUP)) == 0) {
    channel_ = context_.connector.wrap(std::move(fd_), memory_, context_.tally.tls);
  }
  if (channel_) return Progress::kDone;
  ++context_.tally.failures.connect;
  return Progress::kFailed;
}

Progress ShortAgent::begin_exchange() {
  state_ = State::kExchanging;
  return exchange_.begin(*channel_);
}

}  // namespace sluice::bench
