#include "lbstat/commands.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lbstat/client.h"
#include "lbstat/format.h"
#include "lbstat/terminal.h"
#include "lbstat/view.h"
#include "sluice/stats.h"
#include "stats/encode.h"

namespace sluice::lbstat {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kViewLimit{10};
/// Longer than the daemon's own limit for a reload, which answers 504.
constexpr std::chrono::seconds kActionLimit{150};

bool is_success(const Answer& answer) {
  return answer.status >= 200 && answer.status < 300;
}

/// What an answer other than 2xx says. 503 and 504 mean that there was no real answer.
Error refusal(const Answer& answer) {
  const auto decoded = stats::decode<Refusal>(answer.body);
  std::string text = decoded && !decoded->error.empty()
                         ? printable(decoded->error)
                         : "sluice answered with status " + std::to_string(answer.status);
  const bool unavailable = answer.status == 503 || answer.status == 504;
  return {std::move(text), unavailable ? ExitCode::kUnavailable : ExitCode::kNo};
}

ExitCode fail_with(const Error& error) {
  complain(error.text);
  return error.exit_code;
}

ExitCode misunderstood(const Error& error) {
  complain("cannot read the answer (" + error.text +
           "): are lbstat and sluice of the same version?");
  return ExitCode::kUnavailable;
}

/// A list that was cut is no news for --json readers' output, but they should know.
void tell_total(const Answer& answer, const Options& options) {
  const std::uint64_t limit = options.limit == 0 ? 10'000 : options.limit;
  if (!answer.total || *answer.total <= limit) return;
  complain("these are " + std::to_string(limit) + " of " + std::to_string(*answer.total) +
           " sessions: --limit shows more, --backend and --server choose");
}

// --- Views ---

ExitCode show_once(const Options& options, const std::string& socket) {
  const auto answer = ask(socket, "GET", view_target(options), kViewLimit);
  if (!answer) return fail_with(answer.error());
  if (options.json) print(answer->body);
  if (!is_success(*answer)) return fail_with(refusal(*answer));
  if (!options.json) {
    const auto view = make_view(options.command);
    if (const auto taken = view->take(answer->body, Clock::now()); !taken) {
      return misunderstood(taken.error());
    }
    print(view->draw(output_layout()));
  }
  tell_total(*answer, options);
  return ExitCode::kDone;
}

ExitCode watch_json(const Options& options, const std::string& socket) {
  const Waiter waiter;
  auto next = Clock::now();
  for (;;) {
    const auto answer = ask(socket, "GET", view_target(options), kViewLimit);
    if (!answer) return fail_with(answer.error());
    if (!print(answer->body)) return ExitCode::kDone;
    if (!is_success(*answer)) return fail_with(refusal(*answer));
    next += *options.watch;
    while (true) {
      const auto event = waiter.wait_until(next);
      if (event == Waiter::Event::kStop) return ExitCode::kDone;
      if (event == Waiter::Event::kTimeout) break;
    }
  }
}

/// One round of a watch: the new picture is in `view`, or an error says why not.
Result<void> refresh(const Options& options, const std::string& socket, View& view) {
  const auto answer = ask(socket, "GET", view_target(options), kViewLimit);
  if (!answer) return tl::unexpected(answer.error());
  if (!is_success(*answer)) return tl::unexpected(refusal(*answer));
  return view.take(answer->body, Clock::now());
}

/// Draws until a signal comes or the reader is gone. On a terminal a sluice that goes away, to be
/// started again perhaps, is told above the last picture; in a pipe it ends the watch.
class Watch {
 public:
  Watch(const Options& options, const std::string& socket)
      : options_(options), socket_(socket), view_(make_view(options.command)) {}

  ExitCode run() {
    if (const auto first = refresh(options_, socket_, *view_); !first) {
      return fail_with(first.error());
    }
    const Waiter waiter;
    const auto canvas = std::make_unique<Canvas>();
    auto next = Clock::now() + *options_.watch;
    while (draw(*canvas)) {
      const auto event = waiter.wait_until(next);
      if (event == Waiter::Event::kStop) return ExitCode::kDone;
      if (event == Waiter::Event::kResized) continue;
      next = Clock::now() + *options_.watch;
      trouble_ = refresh(options_, socket_, *view_);
      if (!trouble_ && !is_terminal()) return fail_with(trouble_.error());
    }
    return ExitCode::kDone;
  }

 private:
  [[nodiscard]] bool draw(const Canvas& canvas) const {
    const Layout layout = output_layout();
    std::string picture;
    if (!trouble_) {
      picture = paint(shorten(trouble_.error().text, layout.width), Tone::kBad, layout.colour);
      picture += "\n\n";
    }
    return canvas.draw(picture + view_->draw(layout));
  }

  const Options& options_;
  const std::string& socket_;
  std::unique_ptr<View> view_;
  Result<void> trouble_;
};

ExitCode show(const Options& options, const std::string& socket) {
  if (!options.watch) return show_once(options, socket);
  if (options.json) return watch_json(options, socket);
  return Watch(options, socket).run();
}

// --- Actions ---

/// The difference on standard output; what is wrong with the file on standard error.
ExitCode reload(const Options& options, const std::string& socket) {
  const auto answer = ask(socket, "POST", "/v1/reload", kActionLimit);
  if (!answer) return fail_with(answer.error());
  if (options.json) print(answer->body);
  constexpr unsigned kRefusedByTheFile = 422;
  if (!is_success(*answer) && answer->status != kRefusedByTheFile) {
    return fail_with(refusal(*answer));
  }
  const auto outcome = stats::decode<ReloadOutcome>(answer->body);
  if (!outcome) return misunderstood(outcome.error());
  if (options.json) return outcome->accepted ? ExitCode::kDone : ExitCode::kNo;
  for (const std::string& diagnostic : outcome->diagnostics) {
    std::fprintf(stderr, "%s\n", printable(diagnostic).c_str());
  }
  if (outcome->accepted) {
    print(printable(outcome->summary) + '\n');
    return ExitCode::kDone;
  }
  const std::string why = outcome->summary.empty() ? "" : ": " + printable(outcome->summary);
  complain("reload refused" + why + "; generation " + std::to_string(outcome->generation) +
           " stays in force");
  return ExitCode::kNo;
}

ExitCode kill(const Options& options, const std::string& socket) {
  const std::string target = options.server.empty()
                                 ? "/v1/sessions/" + std::to_string(options.session)
                                 : "/v1/sessions?server=" + percent_encoded(options.server);
  const auto answer = ask(socket, "DELETE", target, kActionLimit);
  if (!answer) return fail_with(answer.error());
  if (options.json) print(answer->body);
  if (!is_success(*answer)) return fail_with(refusal(*answer));
  const auto outcome = stats::decode<KillOutcome>(answer->body);
  if (!outcome) return misunderstood(outcome.error());
  if (!options.json) print("ended " + plural(outcome->killed, "session") + '\n');
  return ExitCode::kDone;
}

struct ServerName {
  std::string backend;
  std::string server;
};

ServerName split_server(const std::string& name) {
  const auto slash = name.find('/');
  return {name.substr(0, slash), name.substr(slash + 1)};
}

ServerOrder order_of(const Options& options) {
  ServerOrder order;
  order.action = options.action;
  if (options.action == "drain") order.timeout = options.argument;
  if (options.action == "weight") order.weight = std::stoi(options.argument);  // 0 to 256: checked
  return order;
}

/// Looks every so often until the drained server has no session left. No longer draining, by a
/// reload or somebody else's order, is a no.
ExitCode wait_until_idle(const ServerName& name, const std::string& socket) {
  constexpr std::chrono::milliseconds kPause{200};
  const Waiter waiter;
  while (true) {
    const auto answer =
        ask(socket, "GET", "/v1/servers?backend=" + percent_encoded(name.backend), kViewLimit);
    if (!answer) return fail_with(answer.error());
    if (!is_success(*answer)) return fail_with(refusal(*answer));
    const auto rows = stats::decode<std::vector<ServerRow>>(answer->body);
    if (!rows) return misunderstood(rows.error());
    const auto row = std::find_if(rows->begin(), rows->end(), [&](const ServerRow& each) {
      return each.server == name.server;
    });
    if (row == rows->end() || row->state != "DRAIN") {
      complain(name.backend + '/' + name.server +
               " is not draining any more: " + (row == rows->end() ? "it is gone" : row->state));
      return ExitCode::kNo;
    }
    if (row->current == 0) return ExitCode::kDone;
    if (waiter.wait_until(Clock::now() + kPause) == Waiter::Event::kStop) return ExitCode::kNo;
  }
}

ExitCode change_server(const Options& options, const std::string& socket) {
  const ServerName name = split_server(options.server);
  const std::string target =
      "/v1/servers/" + percent_encoded(name.backend) + '/' + percent_encoded(name.server);
  const auto answer = ask(socket, "POST", target, kActionLimit, stats::encode(order_of(options)));
  if (!answer) return fail_with(answer.error());
  if (options.json) print(answer->body);
  if (!is_success(*answer)) return fail_with(refusal(*answer));
  const auto outcome = stats::decode<ServerOutcome>(answer->body);
  if (!outcome) return misunderstood(outcome.error());
  if (!options.json) print(printable(outcome->summary) + '\n');
  return options.wait ? wait_until_idle(name, socket) : ExitCode::kDone;
}

}  // namespace

void complain(const std::string& text) {
  std::fprintf(stderr, "lbstat: %s\n", text.c_str());
}

ExitCode run(const Options& options, const std::string& socket) {
  switch (options.command) {
    case Command::kReload:
      return reload(options, socket);
    case Command::kKill:
      return kill(options, socket);
    case Command::kServer:
      return change_server(options, socket);
    default:
      return show(options, socket);
  }
}

}  // namespace sluice::lbstat
