#include "proxy/address_limit.h"

#include "proxy/turned_away.h"

namespace sluice::proxy {

std::unique_ptr<Stage> AddressLimitMaker::make(const StageSeat& seat) const {
  const Endpoint& client = seat.findings.client;
  if (!client.is_specified()) return nullptr;
  const auto place = counts_.take(client, limit_);
  if (!place) return std::make_unique<TurnedAway>(seat, CloseReason::kLimit);
  seat.findings.address_place = balance::AddressPlace(counts_, *place);
  return nullptr;
}

}  // namespace sluice::proxy
