// The addresses that the process listens on, across reloads.
//
// A reload binds what is new before anything changes (`prepare()`), and only then says so
// (`commit()`). An address that stays is never touched: its sockets have long been the workers'.
// For an IP address every worker has a socket of its own (SO_REUSEPORT); a UNIX socket and an
// inherited one are one socket, of which every worker has a descriptor. Control thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/inherited_sockets.h"
#include "daemon/worker_loop.h"
#include "sluice/address.h"
#include "sluice/config.h"
#include "sluice/error.h"
#include "sys/socket.h"
#include "sys/unix_listener.h"

namespace sluice::daemon {

/// A range of ports as addresses of one port each; any other address as it is.
[[nodiscard]] std::vector<ListenAddress> each_port(const ListenAddress& address);

/// What tables and workers know a listening address by (one of `each_port()`): TCP and UDP ports
/// are different things.
[[nodiscard]] std::string listener_name(const FrontendConfig& frontend,
                                        const ListenAddress& address);

class ListenerSet {
 public:
  /// What an address has come to.
  struct Bound {
    Endpoint endpoint;  ///< a port 0 of the file shows its number; unspecified for a UNIX socket
    std::shared_ptr<sys::UnixListener> file;  ///< of a UNIX socket: removed with the last of these
  };

  /// Sockets bound but not yet given to anyone; closing them is all that a refused reload leaves.
  struct Prepared {
    std::vector<std::vector<NewListener>> by_worker;
    std::map<std::string, Bound> bound;  ///< by listener_name()
  };

  /// `backlog`: connections that may wait in the kernel for each of an address's sockets.
  ListenerSet(std::size_t workers, std::uint32_t backlog, InheritedSockets inherited = {})
      : workers_(workers), backlog_(backlog), inherited_(std::move(inherited)) {}

  /// Binds the sockets for every address of `config` that is not open yet. The diagnostics name the
  /// line of each address that cannot be had.
  [[nodiscard]] tl::expected<Prepared, Diagnostics> prepare(const Config& config,
                                                            const std::string& file);

  /// What `config` does not have any more is forgotten (the workers close it), what was prepared is
  /// open from now on.
  void commit(const Config& config, const Prepared& prepared);

  /// Unspecified where it is not open, and for UNIX sockets.
  [[nodiscard]] Endpoint bound(const std::string& name) const;

  /// As an operator is to see it: the address as bound, the range that it is part of, the path. `-`
  /// where it is not open.
  [[nodiscard]] std::string shown(const std::string& name) const;

 private:
  using Port = std::pair<Transport, std::uint16_t>;

  /// An address that is open.
  struct Open {
    Transport transport;
    Bound bound;
    std::string shown;
  };

  /// The sockets of an address, one for each worker.
  struct Sockets {
    std::vector<sys::Fd> by_worker;
    Bound bound;
  };

  void prepare(const FrontendConfig& frontend, const ListenAddress& address,
               const Diagnostic& place, Prepared& prepared, Diagnostics& diagnostics);
  [[nodiscard]] Result<Sockets> open(const ListenAddress& address, Transport transport) const;
  [[nodiscard]] Result<Sockets> bind(const ListenAddress& address, Transport transport) const;
  [[nodiscard]] Result<Sockets> bind_path(const ListenAddress& address) const;
  [[nodiscard]] Result<Sockets> inherit(const ListenAddress& address) const;
  [[nodiscard]] Result<sys::Fd> bind_one(const Endpoint& address, Transport transport,
                                         sys::PortSharing sharing) const;
  [[nodiscard]] bool is_port_ours(Port port) const;

  std::size_t workers_;
  std::uint32_t backlog_;
  InheritedSockets inherited_;
  std::map<std::string, Open> open_;          ///< by listener_name()
  std::map<Port, base::TimePoint> released_;  ///< ports given up, and when
  /// Of each UDP address there ever was: a worker may still drain one that was given up.
  std::map<std::string, stats::SharedGauge> flows_;
};

}  // namespace sluice::daemon
