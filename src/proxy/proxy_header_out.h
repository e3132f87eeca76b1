// The PROXY header that a server gets before anything else.
//
// For a session it is sent by a stage, with a send of its own: no byte can overtake it. For a UDP
// flow it stands before the first datagram, in one with it.
//
// It names the client as the session sees it (from the PROXY header in front, where there was one).
// Version 2 adds the server name (of the TLS that ends here, or that passes through and is routed
// by it, or that the header in front has told), the ALPN protocol and TLS of the client's
// connection with its certificate's common name, where they are known, the unique id (the session's
// own where none came in) and a checksum.
#pragma once

#include <memory>

#include "proxy/stage.h"

namespace sluice::proxy {

/// What stands before a UDP flow's first datagram: version 2 with the flow's id.
[[nodiscard]] ByteString proxy_header_for_flow(const Endpoint& client, const Endpoint& destination,
                                               std::uint64_t flow_id);

enum class ProxyVersion : std::uint8_t { kV1, kV2 };

class ProxyHeaderOutMaker final : public StageMaker {
 public:
  ProxyHeaderOutMaker(ProxyVersion version, base::milliseconds timeout)
      : version_(version), timeout_(timeout) {}

  [[nodiscard]] std::unique_ptr<Stage> make(const StageSeat& seat) const override;

 private:
  ProxyVersion version_;
  base::milliseconds timeout_;
};

}  // namespace sluice::proxy
