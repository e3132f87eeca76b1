// The numbers of stats.h as Prometheus text (exposition format 0.0.4): the answer to GET /metrics.
//
// Names begin with `sluice_`, counters end in `_total`, times are seconds. prometheus-cpp's
// serializer writes the text and escapes the labels; only the numbers are ours. Pure; any thread.
#pragma once

#include <string>

#include "sluice/stats.h"

namespace sluice::stats {

/// A server that several frontends reach has one set of counters, so it appears once, and once a
/// frontend in `sluice_server_mode`.
[[nodiscard]] std::string encode_prometheus(const Metrics& metrics);

}  // namespace sluice::stats
