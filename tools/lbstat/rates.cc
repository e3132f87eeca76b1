#include "lbstat/rates.h"

#include <cstdint>
#include <map>

namespace sluice::lbstat {
namespace {

struct Totals {
  std::uint64_t sessions = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
};

// A newline is in no name, so keys of two parts cannot be confused.
std::string key_of(const FrontendRow& row) {
  return row.name;
}
std::string key_of(const BackendRow& row) {
  return row.name;
}
std::string key_of(const ServerRow& row) {
  return row.frontend + '\n' + row.backend + '\n' + row.server;
}
std::string key_of(const SessionRow& row) {
  return std::to_string(row.id);
}
std::string key_of(const ReasonRow& row) {
  return row.reason + '\n' + row.side;
}

template <typename Row>
Totals totals_of(const Row& row) {
  return {row.total, row.bytes_in, row.bytes_out};
}
Totals totals_of(const SessionRow& row) {
  return {0, row.bytes_in, row.bytes_out};
}
Totals totals_of(const ReasonRow& row) {
  return {row.total, 0, 0};
}

double growth(std::uint64_t before, std::uint64_t now, double seconds) {
  return now > before ? static_cast<double>(now - before) / seconds : 0;
}

}  // namespace

template <typename Row>
std::vector<Rates> rates_between(const std::vector<Row>& before, const std::vector<Row>& now,
                                 double seconds) {
  std::map<std::string, Totals> known;
  for (const Row& row : before) known.emplace(key_of(row), totals_of(row));
  std::vector<Rates> rates;
  for (const Row& row : now) {
    Rates& rate = rates.emplace_back();
    const auto found = known.find(key_of(row));
    if (found == known.end() || !(seconds > 0)) continue;
    const Totals totals = totals_of(row);
    rate.sessions = growth(found->second.sessions, totals.sessions, seconds);
    rate.bytes_in = growth(found->second.bytes_in, totals.bytes_in, seconds);
    rate.bytes_out = growth(found->second.bytes_out, totals.bytes_out, seconds);
  }
  return rates;
}

template std::vector<Rates> rates_between(const std::vector<FrontendRow>&,
                                          const std::vector<FrontendRow>&, double);
template std::vector<Rates> rates_between(const std::vector<BackendRow>&,
                                          const std::vector<BackendRow>&, double);
template std::vector<Rates> rates_between(const std::vector<ServerRow>&,
                                          const std::vector<ServerRow>&, double);
template std::vector<Rates> rates_between(const std::vector<SessionRow>&,
                                          const std::vector<SessionRow>&, double);
template std::vector<Rates> rates_between(const std::vector<ReasonRow>&,
                                          const std::vector<ReasonRow>&, double);

}  // namespace sluice::lbstat
