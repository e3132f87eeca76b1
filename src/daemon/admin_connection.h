// The connections of the admin interface: HTTP/1.1 in, answers of admin_routes.h out.
//
// Control thread. A connection waits for a request, hands it to route(), writes the answer and
// waits again (keep-alive) until the client ends, stalls past a time limit or errs. Asio's handlers
// and the registry share a connection, which is what lets it be closed at any moment; this is no
// data path.
#pragma once

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <set>

#include "daemon/admin_routes.h"

namespace sluice::daemon {

/// TCP and UNIX sockets are one type here, so Beast is compiled once for both.
using AdminStream = boost::asio::generic::stream_protocol;

/// The limits of the interface. The defaults are those that admin.h states; tests wait less.
struct AdminLimits {
  std::size_t connections = 64;
  std::size_t read_only_connections = 32;     ///< of `connections`, over the network
  std::size_t refusals = 32;                  ///< being told 503 at one time; more are just closed
  std::chrono::milliseconds idle{60'000};     ///< from one answer to the next request
  std::chrono::milliseconds request{10'000};  ///< from a request's first byte to its last
  std::chrono::milliseconds answer{120'000};  ///< for workers or a reload to answer: 504
  std::chrono::milliseconds write{30'000};    ///< for the client to take the answer
};

class AdminConnection;

class AdminConnections {
 public:
  AdminConnections(AdminSource& source, const AdminLimits& limits) noexcept;
  AdminConnections(const AdminConnections&) = delete;
  AdminConnections& operator=(const AdminConnections&) = delete;
  /// As close_all().
  ~AdminConnections();

  /// Serves a client. Past the limit its request is answered 503.
  void add(AdminStream::socket socket, AdminAccess access);

  void close_all();

 private:
  friend class AdminConnection;
  [[nodiscard]] bool is_full(AdminAccess access) const noexcept;
  void forget(const std::shared_ptr<AdminConnection>& connection) noexcept;

  AdminSource& source_;
  AdminLimits limits_;
  std::set<std::shared_ptr<AdminConnection>> open_;
  std::size_t read_only_ = 0;  ///< of open_, without those being refused
  std::size_t refused_ = 0;    ///< of open_
};

}  // namespace sluice::daemon
