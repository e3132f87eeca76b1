// What the user asked for: the command line as values (contract, section 4).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sluice/error.h"

namespace sluice::lbstat {

/// The views come first: is_view().
enum class Command {
  kStatus,
  kFrontends,
  kBackends,
  kServers,
  kSessions,
  kReasons,
  kReload,
  kKill,
  kServer
};

/// Whether the command shows rows, once or again and again; else it changes something.
[[nodiscard]] constexpr bool is_view(Command command) noexcept {
  return command < Command::kReload;
}

struct Options {
  std::optional<std::string> socket;
  bool json = false;
  std::optional<std::chrono::milliseconds> watch;  ///< the interval
  Command command = Command::kStatus;
  std::string backend;        ///< servers, sessions: the filter; empty = all
  std::string server;         ///< sessions: the filter; kill, server: BACKEND/NAME
  std::uint64_t session = 0;  ///< kill, where `server` is empty
  std::uint64_t limit = 0;    ///< sessions: rows at most; 0 = as many as the server likes
  std::string action;         ///< server: drain, ready, maintenance, weight
  std::string argument;       ///< server: of drain the timeout (may be empty), of weight the weight
  bool wait = false;          ///< server, drain: until its last session has ended
};

/// The options; or, without any, the exit status of a program that has said what there was to say
/// (help, version, wrong usage).
struct Parsed {
  std::optional<Options> options;
  ExitCode exit_code = ExitCode::kDone;
};

[[nodiscard]] Parsed parse_command_line(int count, const char* const* words);

}  // namespace sluice::lbstat
