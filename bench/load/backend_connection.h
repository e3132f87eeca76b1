// One connection of a Backend: reads, then writes what the service owes the client.
//
// What remains to be sent stands in `held_` (echoed bytes that did not fit) or is `owed_` from the
// pattern. While an echo or a response is blocked nothing is read, so the
// client's backpressure reaches the client.
#pragma once

#include <string>

#include "backend.h"

namespace sluice::bench {

class BackendConnection final : public Pollable {
 public:
  BackendConnection(Backend& backend, std::unique_ptr<Channel> channel);

  /// Registers the connection; called once, when it has its final address.
  void begin();
  void on_events(std::uint32_t events) override;

 private:
  enum class Outcome { kContinue, kBlocked, kClosed };

  [[nodiscard]] Outcome advance(std::uint32_t events);
  [[nodiscard]] Outcome receive();
  [[nodiscard]] Outcome receive_echo();
  [[nodiscard]] Outcome receive_and_discard();
  [[nodiscard]] Outcome send_pattern(std::uint64_t limit);
  [[nodiscard]] std::uint64_t requests_in(const char* bytes, std::uint64_t size);
  [[nodiscard]] std::uint64_t response_size() const;
  [[nodiscard]] Outcome flush();
  [[nodiscard]] Outcome ended(ssize_t result);
  void wait_for(std::uint32_t events);

  Backend& backend_;
  std::unique_ptr<Channel> channel_;
  std::uint32_t waiting_for_ = 0;
  std::string held_;            ///< echo: bytes received and not yet sent
  std::uint64_t owed_ = 0;      ///< request: bytes of responses still to send
  std::uint64_t sent_ = 0;      ///< source, request: bytes so far
  unsigned end_matched_ = 0;    ///< http: bytes of a head's end that were the last
  std::uint64_t received_ = 0;  ///< sink, request: bytes so far
};

}  // namespace sluice::bench
