// The addresses that the process listens on, across reloads.
//
// A reload binds what is new before anything changes (`prepare()`), and only then says so
// (`commit()`). An address that stays is never touched: its sockets have long been the workers'.
// Control thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "daemon/worker_loop.h"
#include "sluice/address.h"
#include "sluice/config.h"
#include "sluice/error.h"

namespace sluice::daemon {

class ListenerSet {
 public:
  /// Sockets bound but not yet given to anyone; closing them is all that a refused reload leaves.
  struct Prepared {
    std::vector<std::vector<NewListener>> by_worker;
    std::map<std::string, Endpoint> bound;
  };

  /// `backlog`: connections that may wait in the kernel for each of an address's sockets.
  ListenerSet(std::size_t workers, std::uint32_t backlog) : workers_(workers), backlog_(backlog) {}

  /// Binds one socket per worker for every address of `config` that is not open yet. The
  /// diagnostics name the line of each address that cannot be had.
  [[nodiscard]] tl::expected<Prepared, Diagnostics> prepare(const Config& config,
                                                            const std::string& file) const;

  /// What `config` does not have any more is forgotten (the workers close it), what was prepared is
  /// open from now on.
  void commit(const Config& config, const Prepared& prepared);

  /// The address as bound: a port 0 of the file shows its number. Unspecified where it is not open.
  [[nodiscard]] Endpoint bound(const std::string& name) const;

 private:
  [[nodiscard]] Result<std::vector<sys::Fd>> bind(const ListenAddress& address) const;
  [[nodiscard]] bool is_port_ours(std::uint16_t port) const;

  std::size_t workers_;
  std::uint32_t backlog_;
  std::map<std::string, Endpoint> open_;
  std::map<std::uint16_t, base::TimePoint> released_;  ///< ports given up, and when
};

}  // namespace sluice::daemon
