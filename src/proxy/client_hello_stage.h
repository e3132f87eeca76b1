// The stage that looks at a client's ClientHello without being part of the TLS connection: the
// server name in it says which backend the session goes to.
//
// What it has read is left for the relay, unchanged: the server shakes hands with the client. A
// client that begins with something else goes on at once and without a name, so to the default
// backend; one that has sent no whole hello in its time is refused (`sni_timeout`).
#pragma once

#include <memory>

#include "proxy/stage.h"

namespace sluice::proxy {

class ClientHelloMaker final : public StageMaker {
 public:
  explicit ClientHelloMaker(base::milliseconds time) : time_(time) {}

  [[nodiscard]] std::unique_ptr<Stage> make(const StageSeat& seat) const override;

 private:
  base::milliseconds time_;
};

}  // namespace sluice::proxy
