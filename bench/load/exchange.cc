#include "exchange.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include "pattern.h"

namespace sluice::bench {

Progress Exchange::begin(Channel& channel) {
  sent_ = 0;
  received_ = 0;
  return send_rest(channel);
}

Progress Exchange::advance(Channel& channel) {
  if (sent_ < shape_.request_bytes) {
    if (const Progress progress = send_rest(channel); progress == Progress::kFailed)
      return progress;
  }
  return receive_rest(channel);
}

Progress Exchange::send_rest(Channel& channel) {
  while (sent_ < shape_.request_bytes) {
    const std::size_t size = std::min<std::uint64_t>(shape_.request_bytes - sent_, Pattern::kPiece);
    const ssize_t sent = channel.send(pattern().at(sent_), size);
    if (sent < 0) {
      if (errno == EAGAIN) return Progress::kPending;
      ++tally_.failures.reset;
      return Progress::kFailed;
    }
    sent_ += static_cast<std::uint64_t>(sent);
    tally_.bytes_sent += static_cast<std::uint64_t>(sent);
  }
  return Progress::kPending;
}

Progress Exchange::receive_rest(Channel& channel) {
  static std::array<char, Pattern::kPiece> scratch;  // one thread; read and judged at once
  while (received_ < shape_.response_bytes) {
    const ssize_t result = channel.receive(scratch.data(), scratch.size(), Reading::kKeep);
    if (result < 0 && errno == EAGAIN) return Progress::kPending;
    if (result <= 0) {
      ++(result == 0 ? tally_.failures.early_end : tally_.failures.reset);
      return Progress::kFailed;
    }
    const auto size = static_cast<std::size_t>(result);
    tally_.bytes_received += size;
    const bool is_too_much = received_ + size > shape_.response_bytes;
    if (is_too_much ||
        (shape_.is_verifying && !pattern().matches(scratch.data(), size, received_))) {
      ++tally_.failures.corrupt;
      return Progress::kFailed;
    }
    received_ += size;
  }
  return Progress::kDone;
}

}  // namespace sluice::bench
