// The stages of a table that are not TLS: what frontends and servers are configured to read and to
// say before bytes are relayed. Control thread.
#pragma once

#include "proxy/route_table.h"
#include "sluice/config.h"
#include "sluice/error.h"

namespace sluice::daemon {

/// What comes before TLS, or in its place. Error where there is no memory.
[[nodiscard]] Result<void> add_greeting(const FrontendConfig& config, proxy::FrontendRoute& route);

/// What comes before TLS.
void add_introductions(const BackendConfig& config, proxy::BackendRoute& route);

}  // namespace sluice::daemon
