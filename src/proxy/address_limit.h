// The stage that holds `max_connections_per_ip`: turns away a client that has as many sessions at
// the frontend as one address may have. It counts by the address that the session goes by, so
// behind another proxy it follows the stage that reads the PROXY header. Clients without an address
// (UNIX sockets) are not counted.
#pragma once

#include <cstdint>
#include <memory>

#include "balance/address_counts.h"
#include "proxy/stage.h"

namespace sluice::proxy {

class AddressLimitMaker final : public StageMaker {
 public:
  /// `counts` are the frontend's and outlive every session.
  AddressLimitMaker(balance::AddressCounts& counts, std::uint32_t limit)
      : counts_(counts), limit_(limit) {}

  /// Null for a client that may come in; it is counted until its session ends.
  [[nodiscard]] std::unique_ptr<Stage> make(const StageSeat& seat) const override;

 private:
  balance::AddressCounts& counts_;
  std::uint32_t limit_;
};

}  // namespace sluice::proxy
