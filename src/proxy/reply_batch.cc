#include "proxy/reply_batch.h"

#include <cerrno>

namespace sluice::proxy {

void ReplyBatch::add(int fd, RunEnds ends, const DatagramPool& pool, DatagramQueue& queue,
                     Joining& joining) noexcept {
  if (fd != fd_) flush();
  fd_ = fd;
  while (!queue.is_empty()) {
    if (size_ == kMost) flush();
    Entry& entry = entries_[size_];
    entry.run.gather(pool, queue, joining);
    entry.to = &ends.to;
    entry.from = &ends.from;
    entry.joining = &joining;
    if (entry.run.is_joined() && joining == Joining::kRefused) {
      send_singly(entry);  // joined by the kernel on arrival
      continue;
    }
    messages_[size_++] = {entry.run.prepare(ends), 0};
  }
}

void ReplyBatch::flush() noexcept {
  for (std::size_t done = 0; done < size_;) {
    const int sent = ::sendmmsg(fd_, &messages_[done], static_cast<unsigned>(size_ - done),
                                MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
      done += static_cast<std::size_t>(sent);
    } else {
      on_failure(entries_[done], errno);  // an error tells about the first message
      ++done;
    }
  }
  size_ = 0;
}

void ReplyBatch::on_failure(Entry& entry, int error) noexcept {
  if (entry.run.is_joined() && is_joining_refused(error)) {
    *entry.joining = Joining::kRefused;
    return send_singly(entry);
  }
  const bool is_too_long = classify_send(error) == SendFault::kTooLong;
  (is_too_long ? numbers_.oversize : numbers_.unsent).add(entry.run.shape().datagrams());
}

void ReplyBatch::send_singly(Entry& entry) noexcept {
  entry.run.for_each_datagram([&](std::span<const std::byte> bytes) {
    Entry single;
    single.run.set(bytes);
    const msghdr& message = single.run.prepare({*entry.to, *entry.from});
    if (::sendmsg(fd_, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) on_failure(single, errno);
  });
}

}  // namespace sluice::proxy
