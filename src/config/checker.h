// What the checks of a decoded configuration share: the values, and the way to report on them.
#pragma once

#include <string>

#include "config/locator.h"
#include "config/report.h"
#include "sluice/config.h"

namespace sluice::config {

class Checker {
 public:
  Checker(const Config& checked, const Locator& places, Report& report)
      : config(checked), locator(places), report_(report) {}

  void error(const Path& path, std::string text) {
    if (drop_if_full()) return;
    Locator::Place place = locator.find(path);
    report_.error(place.offset, std::move(place.key_path), std::move(text));
  }
  void notice(const Path& path, std::string text) {
    Locator::Place place = locator.find(path);
    report_.notice(place.offset, std::move(place.key_path), std::move(text));
  }

  /// An error that is not worth a text any more; false if it is.
  [[nodiscard]] bool drop_if_full() {
    if (!report_.is_full()) return false;
    report_.drop_error();
    return true;
  }
  [[nodiscard]] bool has_errors() const { return report_.has_errors(); }

  const Config& config;
  const Locator& locator;

 private:
  Report& report_;
};

/// "line 12", to point at another entry.
[[nodiscard]] inline std::string line_of(const SourcePosition& position) {
  return "line " + std::to_string(position.line);
}

}  // namespace sluice::config
