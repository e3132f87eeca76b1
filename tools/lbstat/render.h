// The answers of the admin interface as text for a person: rows in, lines out. Pure.
//
// `rates` holds one entry a row, or none: then totals stand where rates would.
#pragma once

#include <string>
#include <vector>

#include "lbstat/rates.h"
#include "lbstat/table.h"
#include "sluice/stats.h"

namespace sluice::lbstat {

struct StatusRates {
  std::vector<Rates> frontends;
  std::vector<Rates> backends;
};

[[nodiscard]] std::string render(const Status& status, const StatusRates& rates,
                                 const Layout& layout);
[[nodiscard]] std::string render(const std::vector<FrontendRow>& rows,
                                 const std::vector<Rates>& rates, const Layout& layout);
[[nodiscard]] std::string render(const std::vector<BackendRow>& rows,
                                 const std::vector<Rates>& rates, const Layout& layout);
[[nodiscard]] std::string render(const std::vector<ServerRow>& rows,
                                 const std::vector<Rates>& rates, const Layout& layout);
[[nodiscard]] std::string render(const std::vector<SessionRow>& rows,
                                 const std::vector<Rates>& rates, const Layout& layout);
[[nodiscard]] std::string render(const std::vector<ReasonRow>& rows,
                                 const std::vector<Rates>& rates, const Layout& layout);

}  // namespace sluice::lbstat
