// Sessions that wait: in front of their frontend, for a server. Needs io_uring.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/address_limit.h"
#include "session_bench.h"

namespace sluice::proxy {
namespace {

using namespace std::chrono_literals;

class SessionWaitTest : public testing::Test {
 protected:
  BackendSetup one_at_a_time() {
    BackendSetup setup;
    setup.servers = {listener_.address};
    setup.most_per_server = 1;
    return setup;
  }
  [[nodiscard]] bool wait_for_sessions(SessionBench& bench, const std::string& state,
                                       std::size_t count) {
    return bench.loop().wait_until([&] {
      const auto rows = bench.sessions().describe({}, 1000);
      return count == static_cast<std::size_t>(
                          std::count_if(rows.begin(), rows.end(),
                                        [&](const SessionRow& row) { return row.state == state; }));
    });
  }
  balance::BackendState& backend_of(SessionBench& bench) { return bench.server(0).backend(); }

  TcpServer listener_ = make_server();
};

TEST_F(SessionWaitTest, ServedInTheirOrderAsTheServerGetsRoom) {
  SessionBench bench(one_at_a_time());
  std::vector<sys::Fd> clients;
  for (unsigned char name = 1; name <= 4; ++name) {
    clients.push_back(bench.begin());
    ASSERT_TRUE(send_all(clients.back().get(), Bytes(1, std::byte{name})));
  }
  ASSERT_TRUE(wait_for_sessions(bench, "waiting", 3));
  EXPECT_EQ(backend_of(bench).waiting().value(), 3U);
  EXPECT_EQ(bench.server(0).sessions().value(), 1U);
  for (std::size_t turn = 0; turn < 4; ++turn) {
    const sys::Fd server = accept_from(listener_);
    EXPECT_EQ(receive_exactly(server.get(), 1).at(0), static_cast<std::byte>(turn + 1));
    clients[turn].reset();
    EXPECT_EQ(receive_to_end(server.get()).error, 0);
  }
  for (int count = 0; count < 4; ++count) {
    expect_ending(bench.next_record(), CloseReason::kClientClosed, Side::kClient);
  }
  EXPECT_EQ(bench.server(0).sessions().max(), 1U);
  EXPECT_EQ(backend_of(bench).waiting().value(), 0U);
}

TEST_F(SessionWaitTest, NotForLongerThanTheQueueTimeout) {
  BackendSetup setup = one_at_a_time();
  setup.queue = 50ms;
  SessionBench bench(std::move(setup));
  const sys::Fd first = bench.begin();
  const sys::Fd second = bench.begin();
  expect_ending(bench.next_record(), CloseReason::kQueueTimeout, Side::kUs);
  EXPECT_EQ(receive_to_end(second.get()).error, 0);
  EXPECT_EQ(backend_of(bench).waiting().value(), 0U);
  EXPECT_EQ(bench.frontend().traffic(0).errors.value(), 1U);
}

TEST_F(SessionWaitTest, NotMoreThanTheQueueHolds) {
  BackendSetup setup = one_at_a_time();
  setup.queue_size = 1;
  SessionBench bench(std::move(setup));
  const sys::Fd first = bench.begin();
  const sys::Fd second = bench.begin();
  const sys::Fd third = bench.begin();
  expect_ending(bench.next_record(), CloseReason::kQueueFull, Side::kUs);
  EXPECT_TRUE(wait_for_sessions(bench, "waiting", 1));
  EXPECT_EQ(backend_of(bench).waiting().max(), 1U);
}

TEST_F(SessionWaitTest, ClientsThatResetLoseTheirPlace) {
  SessionBench bench(one_at_a_time());
  sys::Fd first = bench.begin();
  sys::Fd second = bench.begin();
  sys::Fd third = bench.begin();
  ASSERT_TRUE(send_all(third.get(), Bytes(1, std::byte{3})));
  ASSERT_TRUE(wait_for_sessions(bench, "waiting", 2));
  reset(second);
  expect_ending(bench.next_record(), CloseReason::kClientReset, Side::kClient);
  sys::Fd busy = accept_from(listener_);
  first.reset();
  busy.reset();
  const sys::Fd server = accept_from(listener_);
  EXPECT_EQ(receive_exactly(server.get(), 1).at(0), std::byte{3});
}

TEST_F(SessionWaitTest, ClientsThatHaveSaidAllKeepTheirPlace) {
  SessionBench bench(one_at_a_time());
  sys::Fd first = bench.begin();
  sys::Fd busy = accept_from(listener_);
  const sys::Fd second = bench.begin();
  ASSERT_TRUE(send_all(second.get(), Bytes(1, std::byte{2})));
  shut_down_writing(second.get());
  ASSERT_TRUE(wait_for_sessions(bench, "waiting", 1));
  first.reset();
  busy.reset();
  const sys::Fd server = accept_from(listener_);
  EXPECT_EQ(receive_exactly(server.get(), 1).at(0), std::byte{2});
  ASSERT_TRUE(send_all(server.get(), Bytes(1, std::byte{4})));
  EXPECT_EQ(receive_exactly(second.get(), 1).at(0), std::byte{4});
}

TEST_F(SessionWaitTest, KilledWhileTheyWait) {
  SessionBench bench(one_at_a_time());
  const sys::Fd first = bench.begin();
  const sys::Fd second = bench.begin();
  ASSERT_TRUE(wait_for_sessions(bench, "waiting", 1));
  const auto rows = bench.rows();
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[1].server, "-");
  SessionFilter filter;
  filter.id = rows[1].id;
  EXPECT_EQ(bench.kill(filter), 1U);
  expect_ending(bench.next_record(), CloseReason::kKilled, Side::kUs);
  EXPECT_EQ(backend_of(bench).waiting().value(), 0U);
}

TEST_F(SessionWaitTest, NobodyIsLeftWaitingWhereEveryServerWentDown) {
  SessionBench bench(one_at_a_time());
  const sys::Fd first = bench.begin();
  const sys::Fd second = bench.begin();
  ASSERT_TRUE(wait_for_sessions(bench, "waiting", 1));
  bench.server(0).start_checks({.fall = 1, .rise = 1}, {});
  bench.server(0).on_check(balance::CheckOutcome::kFailure, "connection refused", {});
  bench.loop().run([&] { bench.sessions().room().review(); });
  expect_ending(bench.next_record(), CloseReason::kNoServer, Side::kUs);
}

TEST_F(SessionWaitTest, ARetryGivesItsPlaceAtTheServerBack) {
  const TcpServer refusing = make_refusing_server();
  BackendSetup setup;
  setup.servers = {refusing.address, listener_.address};
  setup.most_per_server = 1;
  setup.retries = 3;
  SessionBench bench(std::move(setup));
  const sys::Fd first = bench.begin();
  const sys::Fd busy = accept_from(listener_);
  ASSERT_TRUE(bench.loop().wait_until([&] { return bench.server(0).sessions().value() == 0; }));
  EXPECT_EQ(bench.server(1).sessions().value(), 1U);
}

TEST_F(SessionWaitTest, InFrontOfAFrontendThatIsFull) {
  BackendSetup setup;
  setup.servers = {listener_.address};
  setup.most_sessions = 1;
  SessionBench bench(std::move(setup));
  sys::Fd first = bench.begin();
  sys::Fd busy = accept_from(listener_);
  sys::Fd second = bench.begin();
  sys::Fd third = bench.begin();
  ASSERT_TRUE(send_all(third.get(), Bytes(1, std::byte{3})));
  ASSERT_TRUE(wait_for_sessions(bench, "waiting", 2));
  EXPECT_EQ(bench.frontend().sessions().value(), 1U);
  EXPECT_EQ(bench.frontend().traffic(0).total.value(), 1U);
  reset(second);
  expect_ending(bench.next_record(), CloseReason::kClientReset, Side::kClient);
  first.reset();
  busy.reset();
  const sys::Fd server = accept_from(listener_);
  EXPECT_EQ(receive_exactly(server.get(), 1).at(0), std::byte{3});
  EXPECT_EQ(bench.frontend().sessions().max(), 1U);
}

TEST_F(SessionWaitTest, SoManyForOneAddress) {
  const auto counts = balance::AddressCounts::create().value();
  BackendSetup setup;
  setup.servers = {listener_.address};
  setup.greeting.push_back(std::make_unique<AddressLimitMaker>(*counts, 1));
  SessionBench bench(std::move(setup));
  sys::Fd first = bench.begin();
  const sys::Fd busy = accept_from(listener_);
  const sys::Fd second = bench.begin();
  expect_ending(bench.next_record(), CloseReason::kLimit, Side::kUs);
  first.reset();
  EXPECT_EQ(receive_to_end(busy.get()).error, 0);
  shut_down_writing(busy.get());
  expect_ending(bench.next_record(), CloseReason::kClientClosed, Side::kClient);
  const sys::Fd third = bench.begin();
  const sys::Fd next = accept_from(listener_);
}

// --- The server's time to answer ---

TEST_F(SessionWaitTest, AServerThatDoesNotAnswerInTime) {
  BackendSetup setup;
  setup.servers = {listener_.address};
  setup.response = 50ms;
  SessionBench bench(std::move(setup));
  const sys::Fd client = bench.begin();
  const sys::Fd server = accept_from(listener_);
  ASSERT_TRUE(send_all(client.get(), Bytes(1, std::byte{1})));
  expect_ending(bench.next_record(), CloseReason::kResponseTimeout, Side::kServer);
}

TEST_F(SessionWaitTest, OnceItHasAnsweredItMayTakeItsTime) {
  BackendSetup setup;
  setup.servers = {listener_.address};
  setup.response = 500ms;
  setup.idle = 1500ms;
  SessionBench bench(std::move(setup));
  const sys::Fd quiet = bench.begin();
  const sys::Fd unasked = accept_from(listener_);
  const sys::Fd client = bench.begin();
  const sys::Fd server = accept_from(listener_);
  ASSERT_TRUE(send_all(client.get(), Bytes(1, std::byte{1})));
  EXPECT_EQ(receive_exactly(server.get(), 1).size(), 1U);
  ASSERT_TRUE(send_all(server.get(), Bytes(1, std::byte{2})));
  EXPECT_EQ(receive_exactly(client.get(), 1).size(), 1U);
  // Neither the one that was never asked nor the one that has answered.
  for (int count = 0; count < 2; ++count) {
    expect_ending(bench.next_record(), CloseReason::kIdleTimeout, Side::kUs);
  }
}

}  // namespace
}  // namespace sluice::proxy
