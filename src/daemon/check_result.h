// What a health check found out, and how that reads in the column `check`. Pure.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace sluice::daemon {

enum class CheckVerdict {
  kAnswered,
  kFailed,
  kNotMade,  ///< for want of descriptors, ports or memory of ours: says nothing about the server
};

struct CheckResult {
  CheckVerdict verdict = CheckVerdict::kNotMade;
  /// For the column `check`: `ok 0.4ms`, `connection refused`, `timeout after 2s`, `http 503`,
  /// `verify: certificate has expired`, `not checked: too many open files`.
  std::string text;
};

/// `ok 0.4ms`.
[[nodiscard]] CheckResult check_passed(std::chrono::steady_clock::duration elapsed);
[[nodiscard]] CheckResult check_failed(std::string text);
/// By an errno of a socket call; a shortage of our own is not the server's failure.
[[nodiscard]] CheckResult check_failed_by(int error);

/// As in the configuration: `2s`, `500ms`.
[[nodiscard]] std::string setting_text(std::chrono::milliseconds duration);

/// Bytes as a reader can take them: quoted, escaped, cut after 40.
[[nodiscard]] std::string excerpt(std::string_view bytes);

}  // namespace sluice::daemon
