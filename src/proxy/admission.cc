#include "proxy/admission.h"

#include "proxy/turned_away.h"

namespace sluice::proxy {

bool Admission::admits(const Endpoint& client) const noexcept {
  const bool is_allowed = allow_.is_empty() || allow_.contains(client);
  return is_allowed && !deny_.contains(client);
}

std::unique_ptr<Stage> AdmissionMaker::make(const StageSeat& seat) const {
  if (admission_.admits(seat.findings.client)) return nullptr;
  return std::make_unique<TurnedAway>(seat, CloseReason::kDenied);
}

}  // namespace sluice::proxy
