// The few socket calls of the benchmark programs, over loopback or a real network.
#pragma once

#include <netinet/in.h>
#include <sluice/error.h>
#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace sluice::bench {

/// Owns a descriptor, or nothing.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int number) : number_(number) {}
  Fd(Fd&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      number_ = std::exchange(other.number_, -1);
    }
    return *this;
  }
  ~Fd() { reset(); }

  [[nodiscard]] int get() const { return number_; }
  [[nodiscard]] bool is_open() const { return number_ >= 0; }
  void reset();

 private:
  int number_ = -1;
};

/// An IPv4 or IPv6 address with a port.
struct Endpoint {
  sockaddr_storage storage{};
  socklen_t size = 0;

  [[nodiscard]] const sockaddr* get() const {
    return reinterpret_cast<const sockaddr*>(&storage);  // NOLINT: the socket API's own cast
  }
};

/// Reads `127.0.0.1:80` or `[::1]:80`; names are not resolved.
[[nodiscard]] Result<Endpoint> parse_endpoint(const std::string& text);

/// The IPv4 loopback address number `index` (127.0.0.1 is number 0) with port 0, to bind a client
/// to: each source address brings its own range of ports.
[[nodiscard]] Endpoint loopback_source(std::uint32_t index);

/// A non-blocking listening socket with the longest backlog that the kernel allows.
[[nodiscard]] Result<Fd> listen_on(const Endpoint& endpoint);

[[nodiscard]] Result<std::uint16_t> local_port(const Fd& socket);

/// A non-blocking socket on its way to `target`; the outcome shows when it becomes writable.
[[nodiscard]] Result<Fd> start_connect(const Endpoint& target,
                                       const std::optional<Endpoint>& source);

/// A connected non-blocking socket; waits for the handshake.
[[nodiscard]] Result<Fd> connect_to(const Endpoint& target, const std::optional<Endpoint>& source);

/// `what: text of errno`, as an error that the system is to blame for.
[[nodiscard]] tl::unexpected<Error> system_error(const std::string& what);

}  // namespace sluice::bench
