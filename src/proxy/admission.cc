#include "proxy/admission.h"

namespace sluice::proxy {
namespace {

class TurnedAway final : public Stage {
 public:
  explicit TurnedAway(const StageSeat& seat) noexcept : Stage(seat, {}) {}

  void start() noexcept override { fail({CloseReason::kDenied, Side::kUs}); }
  bool is_quiet() const noexcept override { return true; }

 private:
  void cancel() noexcept override {}
};

}  // namespace

std::unique_ptr<Stage> AdmissionMaker::make(const StageSeat& seat) const {
  const Endpoint& client = seat.findings.client;
  const bool is_allowed = allow_.is_empty() || allow_.contains(client);
  if (is_allowed && !deny_.contains(client)) return nullptr;
  return std::make_unique<TurnedAway>(seat);
}

}  // namespace sluice::proxy
