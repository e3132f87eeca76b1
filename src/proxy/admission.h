// Who may come in, by address: not those in `deny`, and where there is an `allow`, only those in
// it.
//
// TCP sessions ask by a stage: it judges the address that the session goes by, so behind another
// proxy it follows the stage that reads the PROXY header. UDP asks before a flow begins.
#pragma once

#include <memory>
#include <utility>

#include "proxy/network_set.h"
#include "proxy/stage.h"

namespace sluice::proxy {

/// Immutable; any thread.
class Admission {
 public:
  /// Everybody.
  Admission() = default;
  /// Empty sets: everybody is allowed, nobody is denied.
  Admission(NetworkSet allow, NetworkSet deny) : allow_(std::move(allow)), deny_(std::move(deny)) {}

  [[nodiscard]] bool admits(const Endpoint& client) const noexcept;

 private:
  NetworkSet allow_;
  NetworkSet deny_;
};

class AdmissionMaker final : public StageMaker {
 public:
  explicit AdmissionMaker(Admission admission) : admission_(std::move(admission)) {}

  /// Null for a client that may come in.
  [[nodiscard]] std::unique_ptr<Stage> make(const StageSeat& seat) const override;

 private:
  Admission admission_;
};

}  // namespace sluice::proxy
