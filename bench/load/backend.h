// The servers behind the proxy under test: one thread, one epoll loop, several listeners.
//
// A backend does one thing with every connection:
//   echo      sends back what it receives
//   sink      receives and throws away
//   source    sends the pattern until the other side closes
//   http      answers each request without a body with `response_bytes` of the pattern
//   request   answers each `request_bytes` received with `response_bytes` of the pattern
// It reads without copying (MSG_TRUNC) where nobody looks at the bytes, so that it costs the
// machine less than the proxy does.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "poller.h"
#include "tls.h"

namespace sluice::bench {

enum class Service { kEcho, kSink, kSource, kRequest, kHttp };

struct BackendOptions {
  Service service = Service::kEcho;
  std::string listen = "127.0.0.1:0";
  int listeners = 1;  ///< ports, each chosen by the kernel where `listen` says 0
  std::uint64_t request_bytes = 64;
  std::uint64_t response_bytes = 64;
  bool is_udp = false;   ///< answers bursts of datagrams (datagram_server.h), whatever the service
  std::string tls_file;  ///< certificate and key in PEM: speaks TLS with them; empty: plain
  bool is_verifying = false;  ///< sink: compare each connection's bytes with the pattern
};

/// What all connections did so far, in bytes as the socket calls counted them.
struct BackendTotals {
  std::uint64_t connections = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t resets = 0;  ///< connections that ended with an error
  TlsTally tls;
  std::uint64_t corrupt_pieces = 0;  ///< verifying sink: pieces that were not the pattern
};

class BackendConnection;
class BackendListener;
class DatagramServer;

class Backend {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Backend>> create(const BackendOptions& options);
  Backend(const Backend&) = delete;
  ~Backend();

  [[nodiscard]] std::vector<std::uint16_t> ports() const { return ports_; }
  [[nodiscard]] const BackendTotals& totals() const { return totals_; }

  /// Serves until `stop_fd` (a signalfd) becomes readable; then receives what clients that have
  /// closed had sent before, for two seconds at most, so that the totals are whole.
  void serve(const Fd& stop_fd);

 private:
  friend class BackendConnection;
  friend class BackendListener;

  Backend(const BackendOptions& options, Poller poller);
  [[nodiscard]] Result<void> open_listener();
  [[nodiscard]] Result<void> open_datagram_server(const Endpoint& endpoint);
  void adopt(Fd client);
  void retire(int number);
  [[nodiscard]] std::unique_ptr<Channel> make_channel(Fd client);

  BackendOptions options_;
  Poller poller_;
  BackendTotals totals_;
  std::unique_ptr<TlsContext> tls_;
  std::string http_response_;
  TlsMemory memory_;
  std::vector<std::uint16_t> ports_;
  std::vector<std::unique_ptr<BackendListener>> listeners_;
  std::vector<std::unique_ptr<DatagramServer>> datagram_servers_;
  std::unordered_map<int, std::unique_ptr<BackendConnection>> connections_;
};

}  // namespace sluice::bench
