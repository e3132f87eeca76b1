// Workers on their own threads, serving real connections by tables. Needs io_uring.
#include "daemon/worker_loop.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "daemon/table_compiler.h"
#include "daemon/worker.h"
#include "sys/socket.h"
#include "tcp.h"

namespace sluice::daemon {
namespace {

using namespace std::chrono_literals;
using namespace proxy;  // the helpers for TCP

constexpr WorkerLoop::Options kPlenty{true, {}, true, 10'000, 64};

template <typename Condition>
[[nodiscard]] bool wait_until(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

/// What the workers tell.
class News final : public WorkerEvents {
 public:
  void on_table_returned(RouteTable& table) noexcept override {
    const std::lock_guard lock(mutex_);
    returned_.push_back(table.generation());
  }
  void on_log_ready() noexcept override { ++log_ready; }
  void on_drained() noexcept override { ++drained; }

  [[nodiscard]] std::vector<std::uint64_t> returned() {
    const std::lock_guard lock(mutex_);
    return returned_;
  }

  std::atomic<int> log_ready{0};
  std::atomic<int> drained{0};

 private:
  std::mutex mutex_;
  std::vector<std::uint64_t> returned_;
};

class WorkerLoopTest : public testing::Test {
 protected:
  static constexpr const char* kName = "127.0.0.1:80";

  WorkerLoopTest() { start_workers(1); }
  ~WorkerLoopTest() override {
    clients.clear();
    servers.clear();
    for (std::size_t index = 0; index < workers.size(); ++index) {
      run(index, [](WorkerLoop& loop) { loop.stop_accepting(); });
    }
    for (auto& worker : workers) {
      EXPECT_TRUE(wait_until([&] { return worker->loop().load() == 0; }));
    }
    EXPECT_TRUE(wait_until([&] { return news.drained == static_cast<int>(workers.size()); }));
    workers.clear();
  }

  void start_workers(std::size_t count) {
    for (std::size_t index = workers.size(); index < count; ++index) {
      auto started = Worker::start({static_cast<std::uint32_t>(index), std::nullopt, 16}, news);
      if (!started) throw std::runtime_error(started.error().text);
      workers.push_back(std::move(*started));
      run(index, [](WorkerLoop& loop) { loop.set_options(kPlenty); });
    }
  }

  /// Runs a task on a worker's thread and waits for it.
  template <typename Task>
  void run(std::size_t worker, Task task) {
    auto done = std::make_shared<std::promise<void>>();
    workers[worker]->post([task, done](WorkerLoop& loop) mutable {
      task(loop);
      done->set_value();
    });
    if (done->get_future().wait_for(30s) != std::future_status::ready) std::abort();
  }

  /// A table that sends what comes to `kName`, or to nobody, to the server.
  RouteTable& make_table(std::uint64_t generation, const Endpoint& server, bool has_address) {
    Config config;
    BackendConfig shop;
    shop.name = "shop";
    ServerConfig app1;
    app1.name = "app1";
    app1.address = "127.0.0.1";
    app1.port = server.port();
    shop.servers.push_back(app1);
    config.backends.push_back(shop);
    FrontendConfig web;
    web.name = "web";
    web.backend = "shop";
    if (has_address) web.listen.emplace_back().text = kName;
    config.frontends.push_back(web);
    auto compiled = compile(config, generation, registry);
    if (!compiled) throw std::runtime_error(compiled.error().text);
    tables.push_back(std::move(*compiled));
    return *tables.back().table;
  }

  /// Gives a worker a table and, when `socket` is open, a listener on it.
  void give(std::size_t worker, RouteTable& table, sys::Fd socket = {}) {
    auto added = std::make_shared<std::vector<NewListener>>();
    if (socket.is_open()) added->push_back({kName, std::move(socket)});
    run(worker, [&table, added](WorkerLoop& loop) { loop.take_table(table, std::move(*added)); });
  }
  sys::Fd listen() {
    auto socket =
        sys::listen_tcp(*Endpoint::parse("127.0.0.1:0"), sys::PortSharing::kExclusive, 64);
    if (!socket) throw std::runtime_error(socket.error().text);
    address = sys::local_endpoint(socket->get());
    return std::move(*socket);
  }

  /// A client whose bytes have come to the server and back.
  void talk(const TcpServer& server) {
    clients.push_back(connect_to(address));
    servers.push_back(accept_from(server));
    check_talk(clients.size() - 1);
  }
  void check_talk(std::size_t index) {
    ASSERT_TRUE(send_all(clients[index].get(), Bytes(10)));
    ASSERT_EQ(receive_exactly(servers[index].get(), 10).size(), 10U);
    ASSERT_TRUE(send_all(servers[index].get(), Bytes(20)));
    ASSERT_EQ(receive_exactly(clients[index].get(), 20).size(), 20U);
  }
  std::uint64_t sessions(std::size_t worker = 0) {
    return workers[worker]->loop().session_numbers().count();
  }

  StateRegistry registry{2};
  std::vector<CompiledTable> tables;  // freed after the workers
  News news;
  std::vector<std::unique_ptr<Worker>> workers;
  Endpoint address;
  std::vector<sys::Fd> clients;
  std::vector<sys::Fd> servers;
};

using Generations = std::vector<std::uint64_t>;

TEST_F(WorkerLoopTest, ServesByItsTable) {
  const TcpServer server = make_server();
  give(0, make_table(1, server.address, true), listen());
  EXPECT_EQ(workers[0]->loop().generation(), 1U);
  for (int count = 0; count < 5; ++count) talk(server);
  EXPECT_EQ(sessions(), 5U);
  EXPECT_EQ(workers[0]->loop().numbers().sessions_begun.value(), 5U);
  EXPECT_TRUE(news.returned().empty());
}

TEST_F(WorkerLoopTest, NewSessionsGoByTheNewTableAndOldOnesGoOn) {
  const TcpServer old_server = make_server();
  const TcpServer new_server = make_server();
  give(0, make_table(1, old_server.address, true), listen());
  talk(old_server);
  give(0, make_table(2, new_server.address, true));
  talk(new_server);
  check_talk(0);
  EXPECT_TRUE(news.returned().empty()) << "a session still stands on the old one";
  clients[0].reset();
  servers[0].reset();
  EXPECT_TRUE(wait_until([&] { return news.returned() == Generations{1}; }));
  check_talk(1);
}

TEST_F(WorkerLoopTest, ATableWithoutSessionsIsReturnedAtOnce) {
  const TcpServer server = make_server();
  give(0, make_table(1, server.address, true), listen());
  give(0, make_table(2, server.address, true));
  give(0, make_table(3, server.address, true));
  EXPECT_EQ(news.returned(), (Generations{1, 2}));
}

TEST_F(WorkerLoopTest, ClosesAnAddressThatItsTableDoesNotKnowAndKeepsItsSessions) {
  const TcpServer server = make_server();
  give(0, make_table(1, server.address, true), listen());
  talk(server);
  give(0, make_table(2, server.address, false));
  EXPECT_TRUE(wait_until([&] {
    try {
      const sys::Fd late = connect_to(address);
      return false;
    } catch (const std::runtime_error&) {
      return true;
    }
  })) << "it still listens";
  check_talk(0);
}

TEST_F(WorkerLoopTest, ListensAgainOnAnAddressThatCameBack) {
  const TcpServer server = make_server();
  give(0, make_table(1, server.address, true), listen());
  give(0, make_table(2, server.address, false));
  give(0, make_table(3, server.address, true), listen());
  talk(server);
  EXPECT_TRUE(wait_until([&] { return news.returned() == (Generations{1, 2}); }));
}

TEST_F(WorkerLoopTest, ReplacesAnAddressWithinOneTableChange) {
  const TcpServer server = make_server();
  give(0, make_table(1, server.address, false));
  give(0, make_table(2, server.address, true), listen());
  talk(server);
}

TEST_F(WorkerLoopTest, IsDrainedWhenTheLastSessionHasEnded) {
  const TcpServer server = make_server();
  give(0, make_table(1, server.address, true), listen());
  talk(server);
  talk(server);
  run(0, [](WorkerLoop& loop) { loop.stop_accepting(); });
  check_talk(0);
  clients[0].reset();
  servers[0].reset();
  ASSERT_TRUE(wait_until([&] { return sessions() == 1; }));
  EXPECT_EQ(news.drained, 0);
  clients[1].reset();
  servers[1].reset();
  EXPECT_TRUE(wait_until([&] { return news.drained == 1; }));
}

TEST_F(WorkerLoopTest, IsDrainedAtOnceWithoutSessions) {
  const TcpServer server = make_server();
  give(0, make_table(1, server.address, true), listen());
  run(0, [](WorkerLoop& loop) { loop.stop_accepting(); });
  EXPECT_TRUE(wait_until([&] { return news.drained == 1; }));
}

TEST_F(WorkerLoopTest, KeepsToTheSessionLimitExactlyAndGoesOnWhenThereIsRoom) {
  const TcpServer server = make_server();
  run(0, [](WorkerLoop& loop) { loop.set_options({true, {}, true, 3, 64}); });
  give(0, make_table(1, server.address, true), listen());
  for (int count = 0; count < 3; ++count) talk(server);
  const sys::Fd waiting = connect_to(address);  // the kernel's queue takes it
  for (int turn = 0; turn < 20; ++turn) run(0, [](WorkerLoop&) {});
  EXPECT_EQ(sessions(), 3U);
  EXPECT_GT(workers[0]->loop().numbers().accept_pauses.value(), 0U);
  clients[0].reset();
  servers[0].reset();
  const sys::Fd served = accept_from(server);
  EXPECT_TRUE(served.is_open());
  EXPECT_EQ(workers[0]->loop().numbers().sessions_begun.value(), 4U);
}

TEST_F(WorkerLoopTest, TellsOfItsLogOnceUntilItIsArmedAgain) {
  const TcpServer server = make_server();
  give(0, make_table(1, server.address, true), listen());
  const auto end_a_session = [&] {
    talk(server);
    clients.back().reset();
    servers.back().reset();
    ASSERT_TRUE(wait_until([&] { return sessions() == 0; }));
  };
  end_a_session();
  ASSERT_TRUE(wait_until([&] { return news.log_ready == 1; }));
  end_a_session();
  run(0, [](WorkerLoop&) {});
  EXPECT_EQ(news.log_ready, 1);
  EXPECT_TRUE(workers[0]->loop().log().pop().has_value());
  EXPECT_TRUE(workers[0]->loop().log().pop().has_value());
  workers[0]->loop().rearm_log();
  end_a_session();
  EXPECT_TRUE(wait_until([&] { return news.log_ready == 2; }));
}

// --- Two workers ---

class TwoWorkersTest : public WorkerLoopTest {
 protected:
  TwoWorkersTest() {
    start_workers(2);
    for (std::size_t index = 0; index < 2; ++index) {
      WorkerLoop& sibling = workers[1 - index]->loop();
      run(index, [&sibling](WorkerLoop& loop) { loop.set_siblings({&sibling}); });
    }
  }
};

TEST_F(TwoWorkersTest, TheBusyOneHandsConnectionsOver) {
  const TcpServer server = make_server();
  RouteTable& table = make_table(1, server.address, true);
  // Both know the address, but every client comes to the first one's socket.
  give(1, table, listen());
  give(0, table, listen());
  for (int count = 0; count < 60; ++count) talk(server);
  const std::uint64_t ours = sessions(0);
  const std::uint64_t theirs = sessions(1);
  EXPECT_EQ(ours + theirs, 60U);
  EXPECT_GT(theirs, 15U);
  EXPECT_GE(ours, theirs);
  EXPECT_EQ(workers[0]->loop().numbers().handed_over.value(), theirs);
  for (std::size_t index = 0; index < 60; ++index) check_talk(index);
}

TEST_F(TwoWorkersTest, NobodyHandsOverToOneThatGoesByAnotherTable) {
  const TcpServer server = make_server();
  give(0, make_table(2, server.address, true), listen());
  for (int count = 0; count < 40; ++count) talk(server);
  EXPECT_EQ(sessions(0), 40U);
  EXPECT_EQ(workers[0]->loop().numbers().handed_over.value(), 0U);
}

TEST_F(TwoWorkersTest, TheLimitIsThatOfBothTogether) {
  const TcpServer server = make_server();
  RouteTable& table = make_table(1, server.address, true);
  for (std::size_t index = 0; index < 2; ++index) {
    run(index, [](WorkerLoop& loop) { loop.set_options({true, {}, true, 4, 64}); });
  }
  give(1, table, listen());
  const Endpoint second = address;
  give(0, table, listen());
  for (int count = 0; count < 2; ++count) talk(server);
  address = second;
  for (int count = 0; count < 2; ++count) talk(server);
  const sys::Fd waiting = connect_to(address);
  for (int turn = 0; turn < 20; ++turn) run(1, [](WorkerLoop&) {});
  EXPECT_EQ(sessions(0) + sessions(1), 4U);
  // Room that comes on the other worker is noticed.
  clients[0].reset();
  servers[0].reset();
  EXPECT_TRUE(accept_from(server).is_open());
}

}  // namespace
}  // namespace sluice::daemon
