// Socket calls with types: TCP listeners, TCP sockets toward servers, and the few options the proxy
// sets.
//
// Functions of the data path give errno values (0 = done) and do not allocate; those used at start
// give Result with a sentence for a person. Any thread.
#pragma once

#include <cstdint>

#include "sluice/address.h"
#include "sluice/error.h"
#include "sys/fd.h"

namespace sluice::sys {

/// Whether the TCP keepalive timer runs on a socket. The values are those of a layer-4 proxy: first
/// probe after 60 s, then every 10 s, dead after 6 (tcp(7)).
enum class Keepalive { kOff, kOn };

/// Whether other sockets of ours may share the listener's address (SO_REUSEPORT, socket(7)).
enum class PortSharing { kExclusive, kShared };

/// Binds and listens, non-blocking, with TCP_NODELAY set so that accepted sockets inherit it.
/// `backlog`: connections that wait in the kernel; cut to net.core.somaxconn (listen(2)). Error
/// text names the address and the remedy.
[[nodiscard]] Result<Fd> listen_tcp(const Endpoint& address, PortSharing sharing,
                                    std::uint32_t backlog);

/// One more descriptor for what this one is for.
[[nodiscard]] Result<Fd> duplicate(int fd);

/// A non-blocking TCP socket of the family; not open on failure, errno says why.
[[nodiscard]] Fd make_tcp_socket(int family) noexcept;

/// Small writes do not wait for the acknowledgement of others (TCP_NODELAY, tcp(7)); failure is not
/// reported, the socket works without.
void set_no_delay(int fd) noexcept;

/// Sets the keepalive timer; failure is not reported, the socket works without.
void set_keepalive(int fd, Keepalive keepalive) noexcept;

/// Makes the coming close(2) send a reset instead of a FIN (SO_LINGER with zero time, socket(7)).
void reset_on_close(int fd) noexcept;

/// Whether an errno of socket(2) or connect(2) is about us, not about the server or the way to it:
/// no descriptors or memory left.
[[nodiscard]] bool is_shortage(int error) noexcept;

/// Whether connect(2) found no local port left toward that server (ip(7), ip_local_port_range);
/// another server may do.
[[nodiscard]] bool is_out_of_ports(int error) noexcept;

/// Bytes written but not yet acknowledged by the other end (SIOCOUTQ, tcp(7)); 0 when the socket is
/// gone.
[[nodiscard]] int unacknowledged_bytes(int fd) noexcept;

/// Unspecified when the socket is not connected any more.
[[nodiscard]] Endpoint remote_endpoint(int fd) noexcept;
[[nodiscard]] Endpoint local_endpoint(int fd) noexcept;

}  // namespace sluice::sys
