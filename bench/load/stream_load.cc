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
  Stream(const LoadOptions& options, Tally& tally, Fd fd)
      : options_(options), tally_(tally), fd_(std::move(fd)) {}

  [[nodiscard]] const Fd& fd() const { return fd_; }

  void on_events(std::uint32_t) override {
    if (!fd_.is_open()) return;
    const ssize_t result = options_.mode == Mode::kDownload ? receive() : send_more();
    if (result > 0 || (result < 0 && errno == EAGAIN)) return;
    ++(result == 0 ? tally_.failures.early_end : tally_.failures.reset);
    fd_.reset();
  }

 private:
  ssize_t receive() {
    static std::array<char, Pattern::kPiece> scratch;  // one thread; judged at once
    // MSG_TRUNC on TCP drops the bytes without copying them: tcp(7).
    const int flags = options_.shape.is_verifying ? 0 : MSG_TRUNC;
    const ssize_t size = recv(fd_.get(), scratch.data(), scratch.size(), flags);
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
    const ssize_t size = send(fd_.get(), pattern().at(position_), Pattern::kPiece, MSG_NOSIGNAL);
    if (size <= 0) return size;
    position_ += static_cast<std::uint64_t>(size);
    tally_.bytes_sent += static_cast<std::uint64_t>(size);
    return size;
  }

  const LoadOptions& options_;
  Tally& tally_;
  Fd fd_;
  std::uint64_t position_ = 0;  ///< bytes of the stream so far, over all runs
};

StreamLoad::StreamLoad(const LoadOptions& options, Poller& poller)
    : options_(options), poller_(poller) {}

StreamLoad::~StreamLoad() = default;

Result<void> StreamLoad::open() {
  for (std::uint32_t number = 0; number < options_.connections; ++number) {
    const Result<Endpoint> target =
        parse_endpoint(options_.targets[number % options_.targets.size()]);
    if (!target) return tl::unexpected(target.error());
    Result<Fd> fd = connect_to(*target, std::nullopt);
    if (!fd) return tl::unexpected(fd.error());
    streams_.push_back(std::make_unique<Stream>(options_, tally_, std::move(*fd)));
    poller_.add(streams_.back()->fd(), 0, *streams_.back());
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
    if (ioctl(stream->fd().get(), SIOCINQ, &queued) == 0) total += static_cast<unsigned>(queued);
  }
  return total;
}

void StreamLoad::stop(Time) {
  set_interest(0);
}

void StreamLoad::set_interest(std::uint32_t events) {
  for (const auto& stream : streams_) {
    if (stream->fd().is_open()) poller_.modify(stream->fd(), events, *stream);
  }
}

}  // namespace sluice::bench
