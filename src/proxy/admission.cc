#include "proxy/admission.h"

#include "proxy/turned_away.h"

namespace sluice::proxy {
std::unique_ptr<Stage> AdmissionMaker::make(const StageSeat& seat) const {
  const Endpoint& client = seat.findings.client;
  const bool is_allowed = allow_.is_empty() || allow_.contains(client);
  if (is_allowed && !deny_.contains(client)) return nullptr;
  return std::make_unique<TurnedAway>(seat, CloseReason::kDenied);
}

}  // namespace sluice::proxy
