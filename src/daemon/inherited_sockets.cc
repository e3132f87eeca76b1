#include "daemon/inherited_sockets.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <optional>
#include <string>

#include "sys/socket.h"

namespace sluice::daemon {
namespace {

/// The highest descriptor that is looked at: whoever passes sockets on begins at 3.
constexpr int kHighest = 1023;

std::optional<int> option(int fd, int name) noexcept {
  int value = 0;
  socklen_t size = sizeof value;
  if (::getsockopt(fd, SOL_SOCKET, name, &value, &size) != 0) return std::nullopt;
  return value;
}

std::string number_of(int fd) {
  return "fd:" + std::to_string(fd);
}

}  // namespace

InheritedSockets InheritedSockets::take() {
  InheritedSockets out;
  out.from_systemd_ = std::max(0, ::sd_listen_fds(0));
  for (int fd = SD_LISTEN_FDS_START; fd <= kHighest; ++fd) {
    if (!option(fd, SO_TYPE)) continue;
    out.open_.insert(fd);
    static_cast<void>(::fcntl(fd, F_SETFD, FD_CLOEXEC));
  }
  return out;
}

Result<sys::Fd> InheritedSockets::share(int fd) const {
  if (!open_.contains(fd)) {
    return fail("cannot listen on " + number_of(fd) + ": sluice was not started with it (" +
                known() + "): pass it on, by a systemd .socket unit for example");
  }
  if (option(fd, SO_TYPE) != SOCK_STREAM) {
    return fail("cannot listen on " + number_of(fd) +
                ": it is no stream socket: use ListenStream= in the .socket unit");
  }
  if (option(fd, SO_ACCEPTCONN) != 1) {
    return fail("cannot listen on " + number_of(fd) +
                ": it does not listen: pass on a listening socket (Accept=no in the .socket unit)");
  }
  auto shared = sys::duplicate(fd);
  if (!shared) return shared;
  // For every descriptor of the socket: a listener that blocks would stop its worker.
  static_cast<void>(::fcntl(shared->get(), F_SETFL, ::fcntl(shared->get(), F_GETFL) | O_NONBLOCK));
  const int on = 1;  // accepted sockets take it over; no matter where there is no TCP
  static_cast<void>(::setsockopt(shared->get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
  return shared;
}

std::string InheritedSockets::known() const {
  if (open_.empty()) return "nobody has passed any";
  std::string out =
      from_systemd_ > 0 ? "systemd passed " + std::to_string(from_systemd_) + "; " : std::string();
  out += "open sockets:";
  for (const int fd : open_) out += ' ' + std::to_string(fd);
  return out;
}

}  // namespace sluice::daemon
