// A UDP server of a Backend: answers the last datagram of each burst, see datagram.h.
#pragma once

#include <netinet/in.h>

#include <array>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "backend.h"
#include "datagram.h"

namespace sluice::bench {

class DatagramServer final : public Pollable {
 public:
  DatagramServer(const BackendOptions& options, BackendTotals& totals, Fd socket);

  [[nodiscard]] const Fd& socket() const { return socket_; }
  void on_events(std::uint32_t events) override;

 private:
  static constexpr std::size_t kMostAtOnce = 64;

  /// How much of a client's burst has come.
  struct Burst {
    std::uint32_t exchange = 0;
    std::uint32_t arrived = 0;
  };

  [[nodiscard]] std::size_t receive();
  [[nodiscard]] std::size_t prepare_answers(std::size_t received);
  [[nodiscard]] Burst& burst_of(const sockaddr_storage& client);

  BackendTotals& totals_;
  Fd socket_;
  std::vector<char> answer_;
  std::vector<char> space_;  ///< kMostAtOnce buffers of datagrams
  std::unordered_map<std::uint64_t, Burst> bursts_;
  std::array<sockaddr_storage, kMostAtOnce> clients_{};
  std::array<iovec, kMostAtOnce> received_pieces_{};
  std::array<mmsghdr, kMostAtOnce> received_{};
  std::array<DatagramHead, kMostAtOnce> heads_{};
  std::array<std::array<iovec, 2>, kMostAtOnce> answer_pieces_{};
  std::array<mmsghdr, kMostAtOnce> answers_{};
};

}  // namespace sluice::bench
