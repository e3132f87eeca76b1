#include "raw_client.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <utility>

namespace sluice::daemon {
namespace {

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return text;
}

std::size_t content_length(const std::string& head) {
  static constexpr std::string_view kField = "\r\ncontent-length: ";
  const auto at = head.find(kField);
  return at == std::string::npos ? 0 : std::stoul(head.substr(at + kField.size()));
}

}  // namespace

RawClient::RawClient(boost::asio::io_context& io, sys::Fd fd) : io_(&io), fd_(std::move(fd)) {}

RawClient RawClient::connect(boost::asio::io_context& io, const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  sys::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0)
      << path << ": " << std::strerror(errno);
  return {io, std::move(fd)};
}

RawClient RawClient::connect(boost::asio::io_context& io, const Endpoint& address) {
  sys::Fd fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::connect(fd.get(), address.data(), address.size()), 0) << std::strerror(errno);
  return {io, std::move(fd)};
}

void RawClient::send(std::string_view bytes) {
  const bool sent = run_until(*io_, [&] {
    const auto size = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (size < 0 && errno != EAGAIN) return true;  // the server has closed: reading will tell
    if (size > 0) bytes.remove_prefix(static_cast<std::size_t>(size));
    return bytes.empty();
  });
  EXPECT_TRUE(sent) << "the server does not read";
}

RawClient::Got RawClient::read_some() {
  std::array<char, 65536> chunk;
  const auto size = ::recv(fd_.get(), chunk.data(), chunk.size(), MSG_DONTWAIT);
  if (size > 0) {
    received_.append(chunk.data(), static_cast<std::size_t>(size));
    return Got::kBytes;
  }
  return size < 0 && errno == EAGAIN ? Got::kNothing : Got::kEnd;
}

bool RawClient::read_until(const std::function<bool()>& condition) {
  return run_until(*io_, [&] {
    while (!condition() && !ended_) {
      const Got got = read_some();
      if (got == Got::kNothing) return false;
      ended_ = got == Got::kEnd;
    }
    return true;
  });
}

Reply RawClient::read_reply(Body body) {
  std::size_t head_end = std::string::npos;
  std::size_t whole = 0;
  const bool done = read_until([&] {
    head_end = received_.find("\r\n\r\n");
    if (head_end == std::string::npos) return false;
    whole = head_end + 4;
    if (body == Body::kFollows) whole += content_length(lower(received_.substr(0, head_end + 2)));
    return received_.size() >= whole;
  });
  EXPECT_TRUE(done) << "no answer in time";
  if (head_end == std::string::npos || received_.size() < whole) return {};
  Reply reply;
  reply.head = lower(received_.substr(0, head_end + 2));
  reply.body = received_.substr(head_end + 4, whole - head_end - 4);
  reply.status = std::stoi(reply.head.substr(std::strlen("http/1.1 ")));
  received_.erase(0, whole);
  return reply;
}

Reply RawClient::ask(const std::string& method, const std::string& target) {
  send(method + ' ' + target + " HTTP/1.1\r\nHost: sluice\r\n\r\n");
  return read_reply(method == "HEAD" ? Body::kNone : Body::kFollows);
}

bool RawClient::is_closed_by_server() {
  const bool done = read_until([&] { return !received_.empty(); });
  return done && ended_ && received_.empty();
}

void RawClient::shutdown_sending() {
  ::shutdown(fd_.get(), SHUT_WR);
}

}  // namespace sluice::daemon
