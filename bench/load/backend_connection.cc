#include "backend_connection.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include "pattern.h"

namespace sluice::bench {
namespace {

// Shared by all connections: what is read is sent, counted or dropped before the next read.
std::array<char, Pattern::kPiece>& scratch() {
  static std::array<char, Pattern::kPiece> buffer;
  return buffer;
}

bool would_block() {
  return errno == EAGAIN || errno == EINTR;
}

}  // namespace

BackendConnection::BackendConnection(Backend& backend, std::unique_ptr<Channel> channel)
    : backend_(backend), channel_(std::move(channel)) {}

void BackendConnection::begin() {
  const bool sends_first =
      backend_.options_.service == Service::kSource && backend_.options_.tls_file.empty();
  waiting_for_ = sends_first ? EPOLLOUT : EPOLLIN;
  backend_.poller_.add(channel_->fd(), waiting_for_, *this);
}

void BackendConnection::on_events(std::uint32_t events) {
  const Progress ready = channel_->shake_hands();
  if (ready == Progress::kPending) return;  // its few bytes always fit into the socket
  const Outcome outcome = ready == Progress::kDone ? advance(events) : Outcome::kClosed;
  if (outcome == Outcome::kClosed) {
    backend_.retire(channel_->fd().get());
    return;
  }
  const bool is_sending = outcome == Outcome::kBlocked || channel_->has_unsent() ||
                          backend_.options_.service == Service::kSource;
  wait_for(is_sending ? EPOLLOUT : EPOLLIN);
}

BackendConnection::Outcome BackendConnection::advance(std::uint32_t events) {
  if (backend_.options_.service == Service::kSource) return send_pattern(Pattern::kPiece);
  if (!held_.empty() || owed_ > 0) return flush();
  if (channel_->has_unsent()) return channel_->flush() ? Outcome::kContinue : ended(-1);
  if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) return receive();
  return Outcome::kContinue;
}

BackendConnection::Outcome BackendConnection::receive() {
  if (backend_.options_.service == Service::kEcho) return receive_echo();
  return receive_and_discard();
}

BackendConnection::Outcome BackendConnection::receive_echo() {
  const ssize_t size = channel_->receive(scratch().data(), scratch().size(), Reading::kKeep);
  if (size <= 0) return size < 0 && would_block() ? Outcome::kContinue : ended(size);
  backend_.totals_.bytes_received += static_cast<std::uint64_t>(size);
  ssize_t sent = channel_->send(scratch().data(), static_cast<std::size_t>(size));
  if (sent < 0 && !would_block()) return ended(sent);
  sent = std::max<ssize_t>(sent, 0);
  backend_.totals_.bytes_sent += static_cast<std::uint64_t>(sent);
  held_.assign(scratch().data() + sent, static_cast<std::size_t>(size - sent));
  return held_.empty() ? Outcome::kContinue : Outcome::kBlocked;
}

BackendConnection::Outcome BackendConnection::receive_and_discard() {
  const BackendOptions& options = backend_.options_;
  const bool is_looking = options.is_verifying || options.service == Service::kHttp;
  const Reading reading = is_looking ? Reading::kKeep : Reading::kDrop;
  const ssize_t result = channel_->receive(scratch().data(), scratch().size(), reading);
  if (result <= 0) return result < 0 && would_block() ? Outcome::kContinue : ended(result);
  const auto size = static_cast<std::uint64_t>(result);
  backend_.totals_.bytes_received += size;
  if (options.is_verifying && !pattern().matches(scratch().data(), size, received_)) {
    ++backend_.totals_.corrupt_pieces;
  }
  received_ += size;
  if (options.service == Service::kSink) return Outcome::kContinue;

  owed_ += requests_in(scratch().data(), size) * response_size();
  return owed_ > 0 ? flush() : Outcome::kContinue;
}

BackendConnection::Outcome BackendConnection::flush() {
  if (held_.empty()) {
    const Outcome outcome = send_pattern(owed_);
    return outcome == Outcome::kContinue && owed_ > 0 ? Outcome::kBlocked : outcome;
  }
  const ssize_t sent = channel_->send(held_.data(), held_.size());
  if (sent < 0) return would_block() ? Outcome::kBlocked : ended(sent);
  backend_.totals_.bytes_sent += static_cast<std::uint64_t>(sent);
  held_.erase(0, static_cast<std::size_t>(sent));
  return held_.empty() ? Outcome::kContinue : Outcome::kBlocked;
}

// How many requests end in the piece that was just received.
std::uint64_t BackendConnection::requests_in(const char* bytes, std::uint64_t size) {
  const std::uint64_t request_bytes = backend_.options_.request_bytes;
  if (backend_.options_.service != Service::kHttp) {
    return received_ / request_bytes - (received_ - size) / request_bytes;
  }
  constexpr std::string_view kEnd = "\r\n\r\n";
  std::uint64_t requests = 0;
  for (const char byte : std::string_view(bytes, size)) {
    end_matched_ = byte == kEnd[end_matched_] ? end_matched_ + 1 : (byte == kEnd[0] ? 1 : 0);
    if (end_matched_ < kEnd.size()) continue;
    end_matched_ = 0;
    ++requests;
  }
  return requests;
}

std::uint64_t BackendConnection::response_size() const {
  const bool is_http = backend_.options_.service == Service::kHttp;
  return is_http ? backend_.http_response_.size() : backend_.options_.response_bytes;
}

// Responses start at the pattern's first byte, so that a client can check each of them.
BackendConnection::Outcome BackendConnection::send_pattern(std::uint64_t limit) {
  const BackendOptions& options = backend_.options_;
  const bool is_http = options.service == Service::kHttp;
  const bool is_response = is_http || options.service == Service::kRequest;
  const std::uint64_t position = is_response ? sent_ % response_size() : sent_;
  const std::uint64_t left = is_response ? response_size() - position : limit;
  const char* from = is_http ? backend_.http_response_.data() + position : pattern().at(position);
  const std::size_t size = std::min({limit, left, std::uint64_t{Pattern::kPiece}});
  const ssize_t sent = channel_->send(from, size);
  if (sent < 0) return would_block() ? Outcome::kBlocked : ended(sent);
  sent_ += static_cast<std::uint64_t>(sent);
  if (is_response) owed_ -= static_cast<std::uint64_t>(sent);
  backend_.totals_.bytes_sent += static_cast<std::uint64_t>(sent);
  return Outcome::kContinue;
}

BackendConnection::Outcome BackendConnection::ended(ssize_t result) {
  if (result < 0) ++backend_.totals_.resets;
  return Outcome::kClosed;
}

void BackendConnection::wait_for(std::uint32_t events) {
  if (events == waiting_for_) return;
  waiting_for_ = events;
  backend_.poller_.modify(channel_->fd(), events, *this);
}

}  // namespace sluice::bench
