// Runs a worker's receive buffers dry.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstdint>
#include <stdexcept>
#include <vector>

#include "relay_bench.h"

namespace sluice::proxy {

/// Takes receive buffers out of the pool as sessions do whose clients are slow.
class Hog {
 public:
  explicit Hog(RelayLoop& loop) : loop_(loop) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
      throw std::runtime_error("socketpair");
    }
    sender_.reset(ends[0]);
    receiver_.reset(ends[1]);
  }
  ~Hog() {
    EXPECT_TRUE(loop_.wait_until([this] {
      loop_.parts().reactor.ring().cancel(receive_);
      return !receive_.is_in_flight();
    }));
    release_all();
  }

  /// Holds every buffer that is in the ring now and lets none be put there. Loop's thread.
  void settle() noexcept {}
  void on_receive(uring::Outcome outcome) noexcept {
    if (!outcome.has_buffer()) return;
    loop_.parts().chunks.take(outcome.buffer(), 1);
    taken_.push_back(outcome.buffer());
  }

  /// Takes buffers until the pool has none left, neither in the ring nor spare.
  void take_all() {
    ASSERT_TRUE(loop_.wait_until([this] {
      ChunkPool& chunks = loop_.parts().chunks;
      if (!chunks.has_buffers()) return true;
      chunks.on_shortage();  // the ring is to hold all of them
      chunks.top_up();
      if (!receive_.is_in_flight()) {
        loop_.parts().reactor.ring().receive_multishot(receive_, receiver_.get(),
                                                       uring::BufferRing::kGroup);
      }
      while (::send(sender_.get(), "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1) {
      }
      return false;
    }));
  }

  void release_all() {
    loop_.run([this] {
      for (const auto buffer : taken_) loop_.parts().chunks.release(buffer);
      taken_.clear();
    });
  }

 private:
  RelayLoop& loop_;
  sys::Fd sender_;
  sys::Fd receiver_;
  std::vector<std::uint16_t> taken_;
  uring::Op<&Hog::on_receive> receive_{*this};
};

}  // namespace sluice::proxy
