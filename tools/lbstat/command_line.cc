#include "lbstat/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <iterator>
#include <string_view>

#include "base/assert.h"
#include "sluice/version.h"

namespace sluice::lbstat {
namespace {

constexpr double kShortestWatch = 0.1;  // seconds
constexpr double kLongestWatch = 3600;

struct NamedCommand {
  std::string_view name;
  Command command;
};

constexpr NamedCommand kCommands[] = {
    {"status", Command::kStatus},     {"frontends", Command::kFrontends},
    {"backends", Command::kBackends}, {"servers", Command::kServers},
    {"sessions", Command::kSessions}, {"reasons", Command::kReasons},
    {"reload", Command::kReload},     {"kill", Command::kKill},
    {"server", Command::kServer}};

Command command_named(std::string_view name) {
  const auto* const found = std::find_if(std::begin(kCommands), std::end(kCommands),
                                         [&](const auto& each) { return each.name == name; });
  SLUICE_ASSERT(found != std::end(kCommands));  // every subcommand is in the table
  return found->command;
}

/// CLI11 writes into these; they live as long as the parse.
struct Words {
  std::string socket;
  std::string watch;
  bool wait = false;
  std::string timeout;
  std::string weight;
};

/// Seconds, with a fraction or not; one where the option stands alone. Not a number where the word
/// is none.
double seconds_of(const std::string& word) {
  if (word.empty()) return 1;
  double seconds = 0;
  return CLI::detail::lexical_cast(word, seconds) ? seconds : std::nan("");
}

/// What is wrong with the interval; empty = nothing.
std::string check_interval(const std::string& word) {
  const double seconds = seconds_of(word);
  const bool good = seconds >= kShortestWatch && seconds <= kLongestWatch;
  return good ? "" : "expected 0.1 to 3600 seconds, not " + word;
}

/// What is wrong with the name; empty = nothing.
std::string check_server_name(const std::string& name) {
  const auto slash = name.find('/');
  const bool good = slash != std::string::npos && slash > 0 && slash + 1 < name.size();
  return good ? "" : "expected BACKEND/NAME, not " + name;
}

void add_global_options(CLI::App& app, Options& options, Words& words) {
  app.set_version_flag("-V,--version", std::string("lbstat ") + kVersion);
  app.add_option("--socket", words.socket,
                 "Admin socket (default: /run/sluice/admin.sock, then "
                 "$XDG_RUNTIME_DIR/sluice/admin.sock)")
      ->type_name("PATH");
  app.add_flag("--json", options.json, "Print the answer of the admin interface as it is");
  app.add_option("--watch", words.watch, "Show it again every second, or every SECONDS, with rates")
      ->expected(0, 1)
      ->type_name("[SECONDS]")
      ->check(check_interval);
  app.require_subcommand(0, 1);
  app.fallthrough();
  app.failure_message([](const CLI::App*, const CLI::Error& error) {
    return "lbstat: " + std::string(error.what()) + " (lbstat --help shows how)\n";
  });
}

void add_views(CLI::App& app, Options& options) {
  app.add_subcommand("status", "The process, its frontends and backends (default)");
  app.add_subcommand("frontends", "One row for each frontend");
  app.add_subcommand("backends", "One row for each backend");
  app.add_subcommand("servers", "One row for each server of a frontend")
      ->add_option("BACKEND", options.backend, "Only the servers of this backend");
  auto* sessions = app.add_subcommand("sessions", "One row for each live session");
  sessions->add_option("--backend", options.backend, "Only those of this backend");
  sessions->add_option("--server", options.server, "Only those of this server: NAME, BACKEND/NAME");
  sessions->add_option("--limit", options.limit, "Rows at most (default 10000)")
      ->check(CLI::Range(1, 100'000));
  app.add_subcommand("reasons", "How sessions ended, by reason and side");
}

void add_actions(CLI::App& app, Options& options, Words& words) {
  app.add_subcommand("reload", "Read the configuration again and wait for the outcome");
  auto* kill = app.add_subcommand("kill", "End sessions");
  auto* session = kill->add_option("SESSION", options.session, "The id that `sessions` shows")
                      ->check(CLI::PositiveNumber);
  auto* whole = kill->add_option("--server", options.server, "Every session of this server")
                    ->type_name("BACKEND/NAME")
                    ->check(check_server_name);
  session->excludes(whole);
  kill->require_option(1);

  auto* server = app.add_subcommand("server", "Take a server out of traffic, or back in");
  server->add_option("SERVER", options.server, "BACKEND/NAME")
      ->required()
      ->check(check_server_name);
  server->require_subcommand(1);
  auto* drain = server->add_subcommand(
      "drain", "No new sessions but persistent ones; the present ones run on");
  drain
      ->add_option("--timeout", words.timeout,
                   "Then the rest is closed, spread over a tenth of it (default: drain_timeout; "
                   "0 = never)")
      ->type_name("DURATION");
  drain->add_flag("--wait", words.wait, "Come back when the last session has ended");
  server->add_subcommand("ready", "Back into traffic");
  server->add_subcommand("maintenance",
                         "No new sessions, persistent ones neither; the present ones run on");
  server->add_subcommand("weight", "Another weight")
      ->add_option("N", words.weight, "0 to 256")
      ->required()
      ->check(CLI::Range(0, 256));
}

/// What the subcommands were, once parsed.
void take_command(const CLI::App& app, Options& options, const Words& words) {
  const auto chosen = app.get_subcommands();
  if (chosen.empty()) return;
  options.command = command_named(chosen.front()->get_name());
  if (options.command != Command::kServer) return;
  options.action = chosen.front()->get_subcommands().front()->get_name();
  options.wait = words.wait;
  options.argument = options.action == "drain" ? words.timeout : words.weight;
}

/// Seconds may have a fraction; the interval keeps milliseconds.
std::chrono::milliseconds interval(double seconds) {
  return std::chrono::milliseconds(std::lround(seconds * 1000));
}

}  // namespace

Parsed parse_command_line(int count, const char* const* words) {
  Options options;
  Words parsed;
  CLI::App app("Shows what a running sluice does, and tells it what to do.", "lbstat");
  add_global_options(app, options, parsed);
  add_views(app, options);
  add_actions(app, options, parsed);
  try {
    app.parse(count, words);
    take_command(app, options, parsed);
    if (app.count("--socket") > 0) options.socket = parsed.socket;
    if (app.count("--watch") > 0) {
      if (!is_view(options.command)) {
        throw CLI::ValidationError("--watch", "goes with a view, not with an action");
      }
      options.watch = interval(seconds_of(parsed.watch));
    }
  } catch (const CLI::ParseError& stop) {
    const bool asked_for = app.exit(stop) == 0;  // --help and --version end here too
    return {std::nullopt, asked_for ? ExitCode::kDone : ExitCode::kUsage};
  }
  return {options, ExitCode::kDone};
}

}  // namespace sluice::lbstat
