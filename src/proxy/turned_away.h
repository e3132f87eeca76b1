// The stage of a client that is not to come in: it ends the session at once. Thread: its worker's.
#pragma once

#include "proxy/stage.h"

namespace sluice::proxy {

class TurnedAway final : public Stage {
 public:
  TurnedAway(const StageSeat& seat, CloseReason reason) noexcept
      : Stage(seat, {}), reason_(reason) {}

  void start() noexcept override { fail({reason_, Side::kUs}); }
  [[nodiscard]] bool is_quiet() const noexcept override { return true; }

 private:
  void cancel() noexcept override {}

  CloseReason reason_;
};

}  // namespace sluice::proxy
