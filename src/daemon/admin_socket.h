// The UNIX socket of the admin interface: where it is, and its mode, 0660. Control thread.
#pragma once

#include <string>

#include "sluice/error.h"
#include "sys/unix_listener.h"

namespace sluice::daemon {

/// Where the socket is when the configuration does not say: /run/sluice/admin.sock for root and for
/// whoever may write that folder (a service with RuntimeDirectory=sluice), else
/// $XDG_RUNTIME_DIR/sluice/admin.sock. Fails where there is neither.
[[nodiscard]] Result<std::string> default_admin_socket();

/// Binds and listens, non-blocking. Creates the folder of `path` if it is the default one.
[[nodiscard]] Result<sys::UnixListener> listen_admin(const std::string& path);

}  // namespace sluice::daemon
