// A ring whose test drives it, and an operation that notes what it came to. Needs io_uring: where
// the system refuses it, every test fails with the reason.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <chrono>
#include <stdexcept>
#include <utility>
#include <vector>

#include "sys/fd.h"
#include "uring/ring.h"

namespace sluice::uring {

/// Notes what its operation came to.
class Witness {
 public:
  void on_done(Outcome outcome) noexcept {
    outcomes.push_back(outcome);
    if (on_each) on_each(*this);
  }
  void settle() noexcept { ++settled; }

  [[nodiscard]] int result() const {
    return outcomes.empty() ? 0x7fffffff : outcomes.back().result;
  }

  std::vector<Outcome> outcomes;
  int settled = 0;
  void (*on_each)(Witness&) noexcept = nullptr;
  Op<&Witness::on_done> op{*this};
};

class RingTest : public testing::Test {
 protected:
  static Ring make_ring(unsigned entries) {
    auto ring = Ring::create(entries);
    if (!ring) throw std::runtime_error(ring.error().text);
    return std::move(*ring);
  }

  /// Turns until `condition()` holds; false when it never did.
  template <typename Condition>
  [[nodiscard]] bool turn_until(Condition condition) {
    const auto deadline = base::Clock::now() + std::chrono::seconds(30);
    while (!condition()) {
      if (base::Clock::now() > deadline) return false;
      ring.submit_and_wait(base::milliseconds(100));
      ring.dispatch(ring.ready());
    }
    return true;
  }
  [[nodiscard]] bool wait_for(const Witness& each) {
    return turn_until([&] { return !each.op.is_in_flight(); });
  }
  /// Asks the operation to end and waits for that.
  void end(Witness& each) {
    ring.cancel(each.op);
    EXPECT_TRUE(wait_for(each));
  }

  struct Pair {
    sys::Fd one;
    sys::Fd two;
  };
  static Pair make_pair(int type = SOCK_STREAM) {
    int ends[2];
    if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
      throw std::runtime_error("socketpair");
    }
    return {sys::Fd(ends[0]), sys::Fd(ends[1])};
  }

  Ring ring = make_ring(64);
  Witness witness;
};

}  // namespace sluice::uring
