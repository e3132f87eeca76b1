// Answers on their way to clients: collected over the flows of a turn, handed to the kernel in one
// sendmmsg(2) for up to 64 of them.
//
// What it points at (buffers, the flows' addresses) must live until `flush()`; the worker flushes
// at the end of each turn, before it recycles buffers or frees flows. A datagram that the kernel
// does not take is dropped and counted: the network would have lost it. Thread: its worker's.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstddef>

#include "proxy/datagram_run.h"
#include "proxy/udp_numbers.h"

namespace sluice::proxy {

class ReplyBatch {
 public:
  explicit ReplyBatch(UdpNumbers& numbers) noexcept : numbers_(numbers) {}
  ReplyBatch(const ReplyBatch&) = delete;
  ReplyBatch& operator=(const ReplyBatch&) = delete;

  /// Takes everything out of the queue. `joining` is written when the kernel refuses to join.
  void add(int fd, RunEnds ends, const DatagramPool& pool, DatagramQueue& queue,
           Joining& joining) noexcept;

  void flush() noexcept;

 private:
  static constexpr std::size_t kMost = 64;

  struct Entry {
    DatagramRun run;
    const Endpoint* to = nullptr;
    const Endpoint* from = nullptr;
    Joining* joining = nullptr;
  };

  void send_singly(Entry& entry) noexcept;
  void on_failure(Entry& entry, int error) noexcept;

  UdpNumbers& numbers_;
  int fd_ = -1;
  std::size_t size_ = 0;
  std::array<Entry, kMost> entries_;
  std::array<mmsghdr, kMost> messages_;
};

}  // namespace sluice::proxy
