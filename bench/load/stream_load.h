// Bulk: streams that carry bytes one way for as long as the run lasts.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "connector.h"
#include "options.h"
#include "poller.h"
#include "workload.h"

namespace sluice::bench {

class Stream;

/// Between runs nothing is read or sent, so the proxy stands still under backpressure. What lies in
/// the receive buffers then (`queued_bytes`, megabytes where the kernel has let them grow) belongs
/// to the work of the run before.
class StreamLoad final : public Workload {
 public:
  StreamLoad(const LoadOptions& options, Poller& poller);
  ~StreamLoad() override;

  [[nodiscard]] Result<void> open() override;
  void start(Pace pace, Time begin, Time end) override;
  void tick(Time) override {}
  [[nodiscard]] Time next_due() const override { return Time::max(); }
  void stop(Time time) override;
  [[nodiscard]] bool is_quiet() const override { return true; }
  [[nodiscard]] std::uint64_t outstanding() const override { return 0; }
  [[nodiscard]] std::uint64_t queued_bytes() const override;
  [[nodiscard]] Tally& tally() override { return tally_; }

 private:
  void set_interest(std::uint32_t events);

  const LoadOptions& options_;
  Poller& poller_;
  Tally tally_;
  TlsMemory memory_;
  std::optional<Connector> connector_;  ///< since `open`
  std::vector<std::unique_ptr<Stream>> streams_;
};

}  // namespace sluice::bench
