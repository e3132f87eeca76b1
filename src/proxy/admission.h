// The stage that turns away clients by their address: those in `deny`, and where there is an
// `allow`, those outside it. It judges the address that the session goes by, so behind another
// proxy it follows the stage that reads the PROXY header.
#pragma once

#include <memory>
#include <utility>

#include "proxy/network_set.h"
#include "proxy/stage.h"

namespace sluice::proxy {

class AdmissionMaker final : public StageMaker {
 public:
  /// Empty sets: everybody is allowed, nobody is denied.
  AdmissionMaker(NetworkSet allow, NetworkSet deny)
      : allow_(std::move(allow)), deny_(std::move(deny)) {}

  /// Null for a client that may come in.
  [[nodiscard]] std::unique_ptr<Stage> make(const StageSeat& seat) const override;

 private:
  NetworkSet allow_;
  NetworkSet deny_;
};

}  // namespace sluice::proxy
