// Exchanges over UDP: each client is a connected socket, and so a flow of the proxy.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "options.h"
#include "poller.h"
#include "workload.h"

namespace sluice::bench {

class DatagramClient;

/// Closed loop: so many exchanges are outstanding at a time, over all clients in turn. One that is
/// not answered within kPatience counts as lost, and the next one begins.
class DatagramLoad final : public Workload {
 public:
  DatagramLoad(const LoadOptions& options, Poller& poller);
  ~DatagramLoad() override;

  [[nodiscard]] Result<void> open() override;
  void start(Pace pace, Time begin, Time end) override;
  void tick(Time time) override;
  [[nodiscard]] Time next_due() const override;
  void stop(Time time) override;
  [[nodiscard]] bool is_quiet() const override { return outstanding_ == 0; }
  [[nodiscard]] std::uint64_t outstanding() const override { return outstanding_; }
  [[nodiscard]] Tally& tally() override { return tally_; }

 private:
  friend class DatagramClient;
  static constexpr Duration kPatience = std::chrono::milliseconds(200);

  struct Deadline {
    Time time;
    DatagramClient* client;
    std::uint32_t exchange;
  };

  void begin_next();
  void on_ended(DatagramClient& client);
  void forget_overdue(Time time);

  const LoadOptions& options_;
  Poller& poller_;
  Tally tally_;
  std::vector<std::unique_ptr<DatagramClient>> clients_;
  std::deque<DatagramClient*> idle_;  ///< the one that has been free the longest first
  std::deque<Deadline> deadlines_;    ///< the earliest first
  bool is_running_ = false;
  bool is_once_ = false;
  std::uint64_t to_begin_ = 0;  ///< once: exchanges that have not begun
  std::uint64_t outstanding_ = 0;
};

}  // namespace sluice::bench
