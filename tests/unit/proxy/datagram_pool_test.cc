// What arrives in a pool's buffers, by a real ring and real sockets.
#include "proxy/datagram_pool.h"

#include <gtest/gtest.h>

#include <string>

#include "udp_bench.h"

namespace sluice::proxy {
namespace {

using namespace std::chrono_literals;

/// A socket that receives into a pool, and one that sends to it.
class PoolTest : public testing::Test {
 protected:
  void SetUp() override {
    const Endpoint any = Endpoint::parse("127.0.0.1:0").value();
    into_ = value_or_throw(sys::bind_udp(any, sys::PortSharing::kExclusive));
  }

  void on_receive(uring::Outcome outcome) noexcept {
    if (outcome.has_buffer()) arrivals_.push_back(pool_->take(outcome));
  }

  /// Sends these at once and gives what has arrived.
  std::vector<DatagramPool::Arrival> receive(const std::vector<std::string>& sent) {
    pool_->receive(ring_, op_, into_.get());
    const UdpEnd from = make_udp_client(sys::local_endpoint(into_.get()));
    for (const std::string& each : sent) from.send(each);
    turn_while([&] { return arrivals_.size() < sent.size(); });
    ring_.cancel(op_);
    turn_while([&] { return op_.is_in_flight(); });
    return arrivals_;
  }

  void make_pool(std::uint32_t buffer_bytes) {
    pool_.emplace(
        value_or_throw(DatagramPool::create(ring_, DatagramPool::Source::kClients, buffer_bytes)));
  }

  std::optional<DatagramPool> pool_;

 private:
  friend class uring::Op<&PoolTest::on_receive>;
  void settle() noexcept {}

  template <typename Condition>
  void turn_while(Condition condition) {
    const auto deadline = base::Clock::now() + 30s;
    while (condition()) {
      ASSERT_LT(base::Clock::now(), deadline);
      ring_.submit_and_wait(base::milliseconds(100));
      ring_.dispatch(ring_.ready());
    }
  }

  uring::Ring ring_ = value_or_throw(uring::Ring::create(64));
  sys::Fd into_;
  std::vector<DatagramPool::Arrival> arrivals_;
  uring::Op<&PoolTest::on_receive> op_{*this};
};

TEST_F(PoolTest, TheLongestAndAnEmptyDatagramAreWhole) {
  make_pool(DatagramPool::kBufferBytes);
  const auto arrivals = receive({std::string(65'507, 'x'), ""});
  ASSERT_EQ(arrivals.size(), 2U);
  EXPECT_FALSE(arrivals[0].is_cut);
  EXPECT_EQ(arrivals[0].length, 65'507U);
  EXPECT_FALSE(arrivals[1].is_cut);
  EXPECT_EQ(arrivals[1].length, 0U);
  EXPECT_EQ(arrivals[1].datagrams, 1U);
}

TEST_F(PoolTest, WhatDoesNotFitIsKnownToBeCut) {
  make_pool(1024);
  const auto arrivals = receive({std::string(500, 'x'), std::string(2000, 'x')});
  ASSERT_EQ(arrivals.size(), 2U);
  EXPECT_FALSE(arrivals[0].is_cut);
  EXPECT_EQ(pool_->bytes(arrivals[0].buffer).size(), 500U);
  EXPECT_TRUE(arrivals[1].is_cut);
}

}  // namespace
}  // namespace sluice::proxy
