// How fast counters grow, from two answers of the admin interface. Pure.
#pragma once

#include <string>
#include <vector>

#include "sluice/stats.h"

namespace sluice::lbstat {

/// Per second, of one row.
struct Rates {
  double sessions = 0;
  double bytes_in = 0;
  double bytes_out = 0;
};

/// The growth of each row of `now` over `seconds`, in its order. Rows are found in `before` by what
/// identifies them, not by their place; a new row and a counter that went back (another process)
/// count as not having grown.
///
/// `Row` is FrontendRow, BackendRow, ServerRow, SessionRow (bytes only) or ReasonRow (sessions
/// only).
template <typename Row>
[[nodiscard]] std::vector<Rates> rates_between(const std::vector<Row>& before,
                                               const std::vector<Row>& now, double seconds);

}  // namespace sluice::lbstat
