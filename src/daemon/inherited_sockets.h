// The listening sockets that the process was started with: from systemd (socket activation,
// sd_listen_fds(3)) or from whoever else has left them open.
//
// They stay open as long as the process lives, whatever a reload says: systemd, or a later reload,
// may come back to them, and connections that arrive meanwhile wait in their queues. Made before
// the process opens anything itself; immutable afterwards. Control thread.
#pragma once

#include <set>

#include "sluice/error.h"
#include "sys/fd.h"

namespace sluice::daemon {

class InheritedSockets {
 public:
  /// None at all.
  InheritedSockets() = default;

  /// Looks at what is open now. First thing in main().
  [[nodiscard]] static InheritedSockets take();

  /// A descriptor of its own for the socket with this number, non-blocking. Fails where there is
  /// no socket that listens for connections; the text names the remedy.
  [[nodiscard]] Result<sys::Fd> share(int fd) const;

 private:
  [[nodiscard]] std::string known() const;

  std::set<int> open_;    ///< numbers from 3 on
  int from_systemd_ = 0;  ///< how many of them, from 3 on, systemd has passed
};

}  // namespace sluice::daemon
