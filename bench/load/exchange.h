// One request and its response over a channel.
#pragma once

#include <cstdint>
#include <string>

#include "channel.h"
#include "tally.h"

namespace sluice::bench {

/// What every exchange of a run looks like.
struct ExchangeShape {
  std::uint64_t request_bytes = 64;
  std::uint64_t response_bytes = 64;
  bool is_verifying = false;  ///< compare each response with the pattern
  std::string request;        ///< HTTP: what is sent, of `request_bytes`; empty: the pattern
};

/// Sends and receives as far as the socket allows at each call, so that a large message cannot
/// deadlock with its own echo. Counts into the tally; a failure is counted there too.
class Exchange {
 public:
  Exchange(const ExchangeShape& shape, Tally& tally) : shape_(shape), tally_(tally) {}

  /// Begins the next exchange by sending.
  [[nodiscard]] Progress begin(Channel& channel);
  /// Goes on after the socket became readable or writable (edge-triggered).
  [[nodiscard]] Progress advance(Channel& channel);

 private:
  [[nodiscard]] Progress send_rest(Channel& channel);
  [[nodiscard]] Progress receive_rest(Channel& channel);
  [[nodiscard]] bool is_expected(const char* bytes, std::size_t size) const;

  const ExchangeShape& shape_;
  Tally& tally_;
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
};

}  // namespace sluice::bench
