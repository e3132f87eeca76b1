#include "backend.h"

#include <algorithm>

#include "backend_connection.h"
#include "datagram_server.h"
#include "pattern.h"

namespace sluice::bench {

/// Accepts everything that waits, each time its socket is readable. TCP_NODELAY is inherited from
/// the listening socket: tcp(7).
class BackendListener final : public Pollable {
 public:
  BackendListener(Backend& backend, Fd socket) : backend_(backend), socket_(std::move(socket)) {
    backend_.poller_.add(socket_, EPOLLIN, *this);
  }

  void on_events(std::uint32_t) override {
    while (true) {
      Fd client(accept4(socket_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!client.is_open()) return;
      backend_.adopt(std::move(client));
    }
  }

 private:
  Backend& backend_;
  Fd socket_;
};

namespace {

constexpr Duration kDrainTime = std::chrono::seconds(2);

class StopFlag final : public Pollable {
 public:
  void on_events(std::uint32_t) override { is_set_ = true; }
  [[nodiscard]] bool is_set() const { return is_set_; }

 private:
  bool is_set_ = false;
};

// At most Pattern::kPiece of body.
std::string make_http_response(std::uint64_t body_bytes) {
  const std::size_t size = std::min<std::size_t>(body_bytes, Pattern::kPiece);
  std::string text =
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " + std::to_string(size) +
      "\r\n\r\n";
  return text.append(pattern().at(0), size);
}

}  // namespace

Backend::Backend(const BackendOptions& options, Poller poller)
    : options_(options), poller_(std::move(poller)) {}

Backend::~Backend() = default;

Result<std::unique_ptr<Backend>> Backend::create(const BackendOptions& options) {
  Result<Poller> poller = Poller::create();
  if (!poller) return tl::unexpected(poller.error());
  std::unique_ptr<Backend> backend(new Backend(options, std::move(*poller)));
  if (options.service == Service::kHttp) {
    backend->http_response_ = make_http_response(options.response_bytes);
  }
  if (!options.tls_file.empty()) {
    Result<std::unique_ptr<TlsContext>> tls = TlsContext::server(options.tls_file);
    if (!tls) return tl::unexpected(tls.error());
    backend->tls_ = std::move(*tls);
  }
  for (int n = 0; n < options.listeners; ++n) {
    const Result<void> opened = backend->open_listener();
    if (!opened) return tl::unexpected(opened.error());
  }
  return backend;
}

Result<void> Backend::open_listener() {
  const Result<Endpoint> endpoint = parse_endpoint(options_.listen);
  if (!endpoint) return tl::unexpected(endpoint.error());
  if (options_.is_udp) return open_datagram_server(*endpoint);
  Result<Fd> socket = listen_on(*endpoint);
  if (!socket) return tl::unexpected(socket.error());
  const Result<std::uint16_t> port = local_port(*socket);
  if (!port) return tl::unexpected(port.error());
  ports_.push_back(*port);
  listeners_.push_back(std::make_unique<BackendListener>(*this, std::move(*socket)));
  return {};
}

Result<void> Backend::open_datagram_server(const Endpoint& endpoint) {
  Result<Fd> socket = bind_datagrams(endpoint);
  if (!socket) return tl::unexpected(socket.error());
  const Result<std::uint16_t> port = local_port(*socket);
  if (!port) return tl::unexpected(port.error());
  ports_.push_back(*port);
  datagram_servers_.push_back(
      std::make_unique<DatagramServer>(options_, totals_, std::move(*socket)));
  poller_.add(datagram_servers_.back()->socket(), EPOLLIN, *datagram_servers_.back());
  return {};
}

void Backend::serve(const Fd& stop_fd) {
  StopFlag stop;
  poller_.add(stop_fd, EPOLLIN, stop);
  while (!stop.is_set()) poller_.poll_until(now() + std::chrono::hours(1));

  poller_.remove(stop_fd);
  listeners_.clear();
  const Time give_up = now() + kDrainTime;
  while (!connections_.empty() && now() < give_up) poller_.poll_until(give_up);
}

void Backend::adopt(Fd client) {
  ++totals_.connections;
  const int number = client.get();
  std::unique_ptr<Channel> channel = make_channel(std::move(client));
  if (!channel) return;
  auto connection = std::make_unique<BackendConnection>(*this, std::move(channel));
  connection->begin();
  connections_[number] = std::move(connection);
}

std::unique_ptr<Channel> Backend::make_channel(Fd client) {
  if (tls_) return tls_->wrap(std::move(client), memory_, totals_.tls);
  return std::make_unique<PlainChannel>(std::move(client));
}

void Backend::retire(int number) {
  connections_.erase(number);
}

}  // namespace sluice::bench
