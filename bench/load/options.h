// The load generator's command line.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "exchange.h"
#include "tls.h"

namespace sluice::bench {

enum class Mode {
  kEcho,      ///< messages over connections that stay open
  kShort,     ///< one connection per message
  kDownload,  ///< streams from the server
  kUpload     ///< streams to the server
};

struct LoadOptions {
  Mode mode = Mode::kEcho;
  std::vector<std::string> targets;  ///< ADDRESS:PORT, taken in turn
  std::uint32_t connections = 1;     ///< short: concurrent slots
  std::uint32_t sources = 1;         ///< loopback addresses to connect from
  bool is_bursty = false;            ///< a run is bursts of one unit on every connection
  bool is_udp = false;               ///< exchanges of datagrams (datagram_load.h)
  std::uint32_t burst = 1;           ///< udp: datagrams of a request
  std::uint32_t outstanding = 0;     ///< udp: exchanges at a time; 0 = one on every connection
  double rate_per_second = 0;        ///< open loop: units begun a second; 0 = closed loop
  TlsClientOptions tls;
  ExchangeShape shape;
};

}  // namespace sluice::bench
