// How the clients of a load connect: to which of the targets, from where, plain or with TLS.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "options.h"
#include "tls.h"

namespace sluice::bench {

/// One client's way to the proxy.
struct Route {
  Endpoint target;
  std::optional<Endpoint> source;
};

class Connector {
 public:
  [[nodiscard]] static Result<Connector> create(const LoadOptions& options);

  /// Client number n takes target number n and source number n, each modulo how many there are.
  [[nodiscard]] Route route(std::uint32_t client) const;

  /// A channel ready for its first byte; waits for both handshakes.
  [[nodiscard]] Result<std::unique_ptr<Channel>> connect(const Route& route, TlsMemory& memory,
                                                         TlsTally& tally) const;
  /// The channel over a socket whose connect has ended; null without memory.
  [[nodiscard]] std::unique_ptr<Channel> wrap(Fd fd, TlsMemory& memory, TlsTally& tally) const;

 private:
  Connector() = default;

  std::vector<Endpoint> targets_;
  std::uint32_t sources_ = 1;
  std::unique_ptr<TlsContext> tls_;
};

}  // namespace sluice::bench
