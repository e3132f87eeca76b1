// A worker's relay parts on a loop of their own, and one direction between two TCP connections.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

#include "loop_thread.h"
#include "proxy/relay.h"
#include "tcp.h"

namespace sluice::proxy {

template <typename T>
T value_or_throw(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().text);
  return std::move(*result);
}

struct RelayParts {
  struct Options {
    std::size_t pipe_limit = 64;
    bool is_splice_allowed = true;
  };

  RelayParts(uring::Ring ring, Options options)
      : chunks(value_or_throw(ChunkPool::create(ring))),
        reactor(std::move(ring), reactor::make_wake()),
        pipes(options.pipe_limit),
        context{reactor, chunks, pipes, options.is_splice_allowed, {}, {}, {}, {}, {}} {}

  void on_turn_end() noexcept { context.end_turn(); }

  ChunkPool chunks;  // outlives the ring that the kernel fills it through
  reactor::Reactor reactor;
  PipePool pipes;
  RelayContext context;
};

inline constexpr RelayParts::Options kCopyOnly{64, false};
inline constexpr RelayParts::Options kAllowed{64, true};

using RelayLoop = reactor::LoopThread<RelayParts>;

/// One direction and its host, which passes an end on as a session does. The test writes to
/// `from.far` and reads from `to.far`; the relay is looked at on the loop's thread only.
class Line final : private RelayHost {
 public:
  explicit Line(RelayLoop& loop, int receive_bytes = 0)
      : Line(loop, make_tcp_pair(receive_bytes), Bytes{}) {}
  Line(RelayLoop& loop, TcpPair from_in, Bytes prefix)
      : Line(loop, std::move(from_in), make_tcp_pair(), std::move(prefix)) {}
  Line(RelayLoop& loop, TcpPair from_in, TcpPair to_in, Bytes prefix)
      : from(std::move(from_in)), to(std::move(to_in)), loop_(loop) {
    loop_.run([this, &prefix] {
      RelayHost& host = *this;
      relay_.emplace(loop_.parts().context, host, own_run_,
                     DirectionEnds{from.near.get(), to.near.get(), first_, second_, true});
      relay_->begin_with(std::move(prefix));
      relay_->advance();
    });
  }
  /// Stops it; the relay's destructor asserts that it became quiet and holds nothing.
  ~Line() {
    loop_.run([this] {
      if (relay_) relay_->stop();
    });
    if (loop_.wait_until([this] { return !relay_ || relay_->is_quiet(); })) {
      loop_.run([this] { relay_.reset(); });
    }
  }

  /// A copy of the direction's state.
  RelayState state() {
    return loop_.run([this] { return relay_->state(); });
  }
  template <typename Condition>
  [[nodiscard]] bool wait_for(Condition condition) {
    return loop_.wait_until([&] { return condition(relay_->state()); });
  }
  Relay& relay() { return *relay_; }
  std::uint64_t counted() { return first_.value() == second_.value() ? first_.value() : 0; }

  TcpPair from;
  TcpPair to;

 private:
  void on_relay_progress() noexcept override {
    const RelayState& state = relay_->state();
    if (!has_delivered(state) || state.sink_shut || state.is_stopped) return;
    relay_->pass_end();
  }

  RelayLoop& loop_;
  Run own_run_;
  stats::Counter first_;
  stats::Counter second_;
  std::optional<Relay> relay_;
};

inline constexpr std::size_t kBulk = 4 * 1024 * 1024;

/// Sends from another thread, since the test's own has to read meanwhile.
class Sender {
 public:
  Sender(int fd, Bytes bytes)
      : outcome_(std::async(std::launch::async,
                            [fd, bytes = std::move(bytes)] { return send_all(fd, bytes); })) {}
  [[nodiscard]] bool has_sent_all() { return outcome_.get(); }

 private:
  std::future<bool> outcome_;
};

/// `bytes` go through the line whole and in order.
inline void expect_carried(Line& line, const Bytes& bytes) {
  Sender sender(line.from.far.get(), bytes);
  const Bytes arrived = receive_exactly(line.to.far.get(), bytes.size());
  EXPECT_TRUE(sender.has_sent_all());
  EXPECT_TRUE(arrived == bytes) << arrived.size() << " of " << bytes.size();
}

inline void promote(Line& line) {
  expect_carried(line, random_bytes(kBulk, 5));
  ASSERT_TRUE(line.wait_for(
      [](const RelayState& state) { return state.gear == Gear::kSplice && state.is_receiving; }));
}

}  // namespace sluice::proxy
