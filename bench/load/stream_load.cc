#include "stream_load.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <array>
#include <cerrno>

#include "pattern.h"

namespace sluice::bench {

/// One connection of a StreamLoad. A failed one is closed and stays out of later runs.
class Stream final : public Pollable {
 public:
  Stream(const LoadOptions& options, Tally& tally, std::unique_ptr<Channel> channel)
      : options_(options), tally_(tally), channel_(std::move(channel)) {}

  /// None once it has failed.
  [[nodiscard]] const Channel* channel() const { return channel_.get(); }

  void on_events(std::uint32_t) override {
    if (!channel_) return;
    const ssize_t result = options_.mode == Mode::kDownload ? receive() : send_more();
    if (result > 0 || (result < 0 && errno == EAGAIN)) return;
    ++(result == 0 ? tally_.failures.early_end : tally_.failures.reset);
    channel_.reset();
  }

 private:
  ssize_t receive() {
    static std::array<char, Pattern::kPiece> scratch;  // one thread; judged at once
    const Reading reading = options_.shape.is_verifying ? Reading::kKeep : Reading::kDrop;
    const ssize_t size = channel_->receive(scratch.data(), scratch.size(), reading);
    if (size <= 0) return size;
    const auto bytes = static_cast<std::uint64_t>(size);
    if (options_.shape.is_verifying && !pattern().matches(scratch.data(), bytes, position_)) {
      ++tally_.failures.corrupt;
    }
    position_ += bytes;
    tally_.bytes_received += bytes;
    return size;
  }

  ssize_t send_more() {
    const ssize_t size = channel_->send(pattern().at(position_), Pattern::kPiece);
    if (size <= 0) return size;
    position_ += static_cast<std::uint64_t>(size);
    tally_.bytes_sent += static_cast<std::uint64_t>(size);
    return size;
  }

  const LoadOptions& options_;
  Tally& tally_;
  std::unique_ptr<Channel> channel_;
  std::uint64_t position_ = 0;  ///< bytes of the stream so far, over all runs
};

StreamLoad::StreamLoad(const LoadOptions& options, Poller& poller)
    : options_(options), poller_(poller) {}

StreamLoad::~StreamLoad() = default;

Result<void> StreamLoad::open() {
  Result<Connector> connector = Connector::create(options_);
  if (!connector) return tl::unexpected(connector.error());
  connector_.emplace(std::move(*connector));
  for (std::uint32_t number = 0; number < options_.connections; ++number) {
    Result<std::unique_ptr<Channel>> channel =
        connector_->connect(connector_->route(number), memory_, tally_.tls);
    if (!channel) return tl::unexpected(channel.error());
    streams_.push_back(std::make_unique<Stream>(options_, tally_, std::move(*channel)));
    poller_.add(streams_.back()->channel()->fd(), 0, *streams_.back());
  }
  return {};
}

void StreamLoad::start(Pace, Time, Time) {
  tally_ = Tally{};
  set_interest(options_.mode == Mode::kDownload ? EPOLLIN : EPOLLOUT);
}

std::uint64_t StreamLoad::queued_bytes() const {
  std::uint64_t total = 0;
  for (const auto& stream : streams_) {
    int queued = 0;
    const Channel* channel = stream->channel();
    if (channel && ioctl(channel->fd().get(), SIOCINQ, &queued) == 0) {
      total += static_cast<unsigned>(queued);
    }
  }
  return total;
}

void StreamLoad::stop(Time) {
  set_interest(0);
}

void StreamLoad::set_interest(std::uint32_t events) {
  for (const auto& stream : streams_) {
    const Channel* channel = stream->channel();
    if (channel) poller_.modify(channel->fd(), events, *stream);
  }
}

}  // namespace sluice::bench
