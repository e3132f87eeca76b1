#include "exchange.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

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
    const char* from = shape_.request.empty() ? pattern().at(sent_) : shape_.request.data() + sent_;
    const ssize_t sent = channel.send(from, size);
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
    if (!is_expected(scratch.data(), size)) {
      ++tally_.failures.corrupt;
      return Progress::kFailed;
    }
    received_ += size;
  }
  return Progress::kDone;
}

// HTTP: the status shows in the first piece, which is never so small over loopback.
bool Exchange::is_expected(const char* bytes, std::size_t size) const {
  constexpr std::string_view kGood = "HTTP/1.1 200";
  if (received_ + size > shape_.response_bytes) return false;
  const bool is_http = !shape_.request.empty();
  if (is_http && received_ == 0) return std::string_view(bytes, size).starts_with(kGood);
  return is_http || !shape_.is_verifying || pattern().matches(bytes, size, received_);
}

}  // namespace sluice::bench
