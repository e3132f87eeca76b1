// The stage that reads the head of a client's first HTTP request.
//
// What it has read stays in `Findings::http`, unchanged. Behind a TLS handshake it opens the
// records that the head comes in, and leaves the leg that it has done so with. A head that is
// refused, too large or too slow fails the session; what the client is told then is in the findings
// as well. A client that has not said anything by then is told nothing: browsers open connections
// that they may need.
#pragma once

#include <memory>

#include "proxy/stage.h"

namespace sluice::proxy {

class HttpHeadMaker final : public StageMaker {
 public:
  explicit HttpHeadMaker(base::milliseconds time) : time_(time) {}

  [[nodiscard]] std::unique_ptr<Stage> make(const StageSeat& seat) const override;

 private:
  base::milliseconds time_;
};

}  // namespace sluice::proxy
