// How failure is written down outside the data path.
//
// A `Result<T>` carries either a value or an `Error`: what failed, in one line that names the
// remedy. Configuration mistakes are not an Error but a list of `Diagnostic`, each with its place
// in the file. The data path knows neither: it has CloseReason (stats.h).
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

namespace sluice {

/// What a program of ours tells its caller through the exit status (contract, section 1).
enum class ExitCode : int {
  kDone = 0,
  kNo = 1,          ///< bad configuration, refused reload, unknown server
  kUsage = 2,       ///< the command line is wrong
  kUnavailable = 3  ///< the other side cannot be reached, or the system refuses
};

/// One failure, for a person: `text` is one line without a full stop that names the remedy where
/// there is one.
struct Error {
  std::string text;
  ExitCode exit_code = ExitCode::kUnavailable;
};

template <typename T>
using Result = tl::expected<T, Error>;

/// Shorthand for returning an Error from a function that gives a Result.
[[nodiscard]] inline tl::unexpected<Error> fail(std::string text,
                                                ExitCode exit_code = ExitCode::kUnavailable) {
  return tl::unexpected<Error>(Error{std::move(text), exit_code});
}

enum class Severity { kError, kNotice };

/// One remark on a configuration file. Line and column count from 1; 0 where the whole file is
/// meant.
struct Diagnostic {
  std::string file;
  int line = 0;
  int column = 0;
  Severity severity = Severity::kError;
  std::string key_path;  ///< `backends[0].servers[1].port`
  std::string text;

  /// `FILE:LINE:COL: error: KEY.PATH: text`, the form that editors and tests rely on (contract,
  /// section 1).
  [[nodiscard]] std::string to_string() const;
};

using Diagnostics = std::vector<Diagnostic>;

}  // namespace sluice
