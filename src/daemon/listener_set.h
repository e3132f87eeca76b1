// The addresses that the process listens on, across reloads.
//
// A reload binds what is new before anything changes (`prepare()`), and only then says so
// (`commit()`). An address that stays is never touched: its sockets have long been the workers'.
// Control thread.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "daemon/worker_loop.h"
#include "sluice/address.h"
#include "sluice/config.h"
#include "sluice/error.h"
#include "sys/socket.h"

namespace sluice::daemon {

/// What tables and workers know a listening address by: TCP and UDP ports are different things.
[[nodiscard]] std::string listener_name(const FrontendConfig& frontend,
                                        const ListenAddress& address);

class ListenerSet {
 public:
  /// Sockets bound but not yet given to anyone; closing them is all that a refused reload leaves.
  struct Prepared {
    std::vector<std::vector<NewListener>> by_worker;
    std::map<std::string, Endpoint> bound;  ///< by listener_name()
  };

  /// `backlog`: connections that may wait in the kernel for each of an address's sockets.
  ListenerSet(std::size_t workers, std::uint32_t backlog) : workers_(workers), backlog_(backlog) {}

  /// Binds one socket per worker for every address of `config` that is not open yet. The
  /// diagnostics name the line of each address that cannot be had.
  [[nodiscard]] tl::expected<Prepared, Diagnostics> prepare(const Config& config,
                                                            const std::string& file);

  /// What `config` does not have any more is forgotten (the workers close it), what was prepared is
  /// open from now on.
  void commit(const Config& config, const Prepared& prepared);

  /// The address as bound: a port 0 of the file shows its number. Unspecified where it is not open.
  [[nodiscard]] Endpoint bound(const std::string& name) const;

 private:
  using Port = std::pair<Transport, std::uint16_t>;

  /// An address that is open.
  struct Open {
    Transport transport;
    Endpoint bound;
  };

  [[nodiscard]] Result<std::vector<sys::Fd>> bind(const ListenAddress& address,
                                                  Transport transport) const;
  [[nodiscard]] Result<sys::Fd> bind_one(const Endpoint& address, Transport transport,
                                         sys::PortSharing sharing) const;
  [[nodiscard]] bool is_port_ours(Port port) const;

  std::size_t workers_;
  std::uint32_t backlog_;
  std::map<std::string, Open> open_;          ///< by listener_name()
  std::map<Port, base::TimePoint> released_;  ///< ports given up, and when
  /// Of each UDP address there ever was: a worker may still drain one that was given up.
  std::map<std::string, stats::SharedGauge> flows_;
};

}  // namespace sluice::daemon
