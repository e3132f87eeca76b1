// Sessions as a worker has them, on a loop of their own, with one frontend, one backend and real
// servers behind it.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "addresses_of.h"
#include "balance/registry.h"
#include "proxy/session_set.h"
#include "relay_bench.h"

namespace sluice::proxy {

/// What a test sets about its backend; a time of 0 is off.
struct BackendSetup {
  std::vector<Endpoint> servers;
  std::uint32_t retries = 0;
  base::milliseconds connect{0};
  base::milliseconds idle{0};
  base::milliseconds half_closed{0};
  std::uint16_t weight = 1;
  StageSequence greeting{};
  std::vector<StageSequence> introductions{};
  bool forwarded = false;
  std::unique_ptr<CookieJar> cookies{};
  std::uint32_t most_sessions = 0;  ///< of the frontend
  std::uint32_t most_per_server = 0;
  std::uint32_t queue_size = 1024;
  base::milliseconds queue{0};
  base::milliseconds response{0};
};

struct SessionParts final : private TableReturn {
  explicit SessionParts(uring::Ring ring)
      : chunks(value_or_throw(ChunkPool::create(ring))),
        reactor(std::move(ring), reactor::make_wake()),
        pipes(16),
        relay{reactor, chunks, pipes, true, {}, {}, {}, {}, {}},
        pins(*this),
        log(256),
        sessions(relay, pins, log, 0, nullptr) {}

  void on_turn_end() noexcept {
    sessions.room().end_turn();
    relay.end_turn();
  }
  void on_table_returned(RouteTable& table) noexcept override {
    returned.push_back(table.generation());
  }

  ChunkPool chunks;
  reactor::Reactor reactor;
  PipePool pipes;
  RelayContext relay;
  TablePins pins;
  SessionLog log;
  SessionSet sessions;
  std::vector<std::uint64_t> returned;  ///< generations given back, in order
};

class SessionBench {
 public:
  explicit SessionBench(BackendSetup setup) {
    backend_ = registry_.backend("shop");
    std::vector<balance::Candidate> candidates;
    for (std::size_t index = 0; index < setup.servers.size(); ++index) {
      servers_.push_back(registry_.server("shop", "app" + std::to_string(index + 1)));
      candidates.push_back({servers_.back().get(), setup.weight, false, setup.most_per_server});
    }
    auto policy = value_or_throw(balance::make_policy("round_robin", {1, setup.servers.size()}));
    auto backend = std::make_unique<BackendRoute>(
        balance::Backend(*backend_, std::move(candidates), {}, std::move(policy)));
    backend->addresses = addresses_of(setup.servers);
    backend->retries = setup.retries;
    backend->connect_timeout = setup.connect;
    backend->idle_timeout = setup.idle;
    backend->half_closed_timeout = setup.half_closed;
    backend->queue_timeout = setup.queue;
    backend->queue_size = setup.queue_size;
    backend->response_timeout = setup.response;
    auto frontend = std::make_unique<FrontendRoute>();
    frontend->state = &frontend_;
    frontend->max_sessions = setup.most_sessions;
    backend->introductions = std::move(setup.introductions);
    backend->cookies = std::move(setup.cookies);
    frontend->backend = backend.get();
    frontend->greeting = std::move(setup.greeting);
    frontend->forwarded = setup.forwarded;
    table_.add(std::move(backend));
    table_.add(std::move(frontend));
    table_.come_into_force();
    loop_.run([this] { loop_.parts().pins.swap(table_); });
  }
  /// Ends what a test has left; the slab asserts that no session is left over.
  ~SessionBench() {
    kill({});
    EXPECT_TRUE(loop_.wait_until([this] { return sessions().count() == 0; }));
    EXPECT_EQ(backend_->sessions().value(), 0U);
    EXPECT_EQ(frontend_.sessions().value(), 0U);
    EXPECT_EQ(table_.sessions(), 0U);
    EXPECT_EQ(loop_.run([this] { return loop_.parts().chunks.held(); }), 0U);
  }

  /// Begins a session for a new client; the client's end of the connection.
  sys::Fd begin(TcpPair pair = make_tcp_pair()) {
    loop_.run([this, &pair] {
      sessions().begin(std::move(pair.near), *loop_.parts().pins.current(),
                       *table_.frontends().front());
    });
    return std::move(pair.far);
  }

  std::uint64_t kill(const SessionFilter& filter) {
    return loop_.run([&] { return sessions().close(filter, CloseReason::kKilled); });
  }

  /// The record of the next session that ends.
  std::optional<SessionRecord> next_record() {
    std::optional<SessionRecord> record;
    static_cast<void>(loop_.wait_until([&] {
      record = loop_.parts().log.pop();
      return record.has_value();
    }));
    return record;
  }

  /// The rows of all live sessions.
  std::vector<SessionRow> rows() {
    return loop_.run([this] { return sessions().describe({}, 1000); });
  }
  [[nodiscard]] bool wait_for_state(const std::string& state) {
    return loop_.wait_until([&] {
      const auto rows = sessions().describe({}, 1000);
      return !rows.empty() && rows.front().state == state;
    });
  }

  balance::ServerState& server(std::size_t index) { return *servers_[index]; }
  FrontendState& frontend() { return frontend_; }
  reactor::LoopThread<SessionParts>& loop() { return loop_; }
  /// The loop's thread only.
  SessionSet& sessions() { return loop_.parts().sessions; }

 private:
  balance::ServerRegistry registry_{1};
  std::shared_ptr<balance::BackendState> backend_;
  std::vector<std::shared_ptr<balance::ServerState>> servers_;
  FrontendState frontend_{"web", 1};
  RouteTable table_{1};
  reactor::LoopThread<SessionParts> loop_;
};

inline void expect_ending(const std::optional<SessionRecord>& record, CloseReason reason,
                          Side side) {
  ASSERT_TRUE(record.has_value()) << "no session ended";
  EXPECT_EQ(to_string(record->ending.reason), to_string(reason));
  EXPECT_EQ(to_string(record->ending.side), to_string(side));
}

}  // namespace sluice::proxy
