#include "lbstat/view.h"

#include <optional>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "lbstat/client.h"
#include "lbstat/rates.h"
#include "lbstat/render.h"
#include "stats/encode.h"

namespace sluice::lbstat {
namespace {

using Time = std::chrono::steady_clock::time_point;

/// Rates of two answers to the same question.
template <typename Row>
std::vector<Rates> rates_of(const std::vector<Row>& before, const std::vector<Row>& now,
                            double seconds) {
  return rates_between(before, now, seconds);
}

StatusRates rates_of(const Status& before, const Status& now, double seconds) {
  return {rates_between(before.frontends, now.frontends, seconds),
          rates_between(before.backends, now.backends, seconds)};
}

template <typename Value, typename RatesOf>
class ViewOf final : public View {
 public:
  Result<void> take(const std::string& body, Time when) override {
    auto value = stats::decode<Value>(body);
    if (!value) return tl::unexpected(value.error());
    if (taken_ > 0) {
      const std::chrono::duration<double> since = when - when_;
      rates_ = rates_of(value_, *value, since.count());
    }
    value_ = *std::move(value);
    when_ = when;
    ++taken_;
    return {};
  }

  [[nodiscard]] std::string draw(const Layout& layout) const override {
    return render(value_, rates_, layout);
  }

 private:
  Value value_;
  RatesOf rates_;
  Time when_;
  int taken_ = 0;
};

template <typename Row>
std::unique_ptr<View> make_table() {
  return std::make_unique<ViewOf<std::vector<Row>, std::vector<Rates>>>();
}

/// `?name=value` or `&name=value`; nothing where the value is empty.
std::string parameter(std::string_view target, std::string_view name, const std::string& value) {
  if (value.empty()) return {};
  const char* separator = target.find('?') == std::string_view::npos ? "?" : "&";
  return separator + std::string(name) + '=' + percent_encoded(value);
}

}  // namespace

std::unique_ptr<View> make_view(Command command) {
  SLUICE_ASSERT(is_view(command));
  switch (command) {
    case Command::kFrontends:
      return make_table<FrontendRow>();
    case Command::kBackends:
      return make_table<BackendRow>();
    case Command::kServers:
      return make_table<ServerRow>();
    case Command::kSessions:
      return make_table<SessionRow>();
    case Command::kReasons:
      return make_table<ReasonRow>();
    default:
      return std::make_unique<ViewOf<Status, StatusRates>>();
  }
}

std::string view_target(const Options& options) {
  switch (options.command) {
    case Command::kFrontends:
      return "/v1/frontends";
    case Command::kBackends:
      return "/v1/backends";
    case Command::kReasons:
      return "/v1/reasons";
    case Command::kServers:
      return "/v1/servers" + parameter("", "backend", options.backend);
    case Command::kSessions: {
      std::string target = "/v1/sessions";
      target += parameter(target, "backend", options.backend);
      target += parameter(target, "server", options.server);
      return target +
             parameter(target, "limit", options.limit == 0 ? "" : std::to_string(options.limit));
    }
    default:
      return "/v1/status";
  }
}

}  // namespace sluice::lbstat
