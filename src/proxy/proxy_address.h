// Between the addresses of a PROXY header and those of sockets. Pure; any thread.
#pragma once

#include "sluice/address.h"
#include "wire/proxy_header.h"

namespace sluice::proxy {

/// Unspecified for a family of none.
[[nodiscard]] Endpoint endpoint_of(wire::ProxyFamily family,
                                   const wire::ProxyAddress& address) noexcept;

/// A header with the two addresses; with none where one of them is unspecified. Of two families
/// both become IPv6.
[[nodiscard]] wire::ProxyHeader header_of(const Endpoint& source,
                                          const Endpoint& destination) noexcept;

}  // namespace sluice::proxy
