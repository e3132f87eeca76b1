// The status of the whole process: a few lines in words, then its frontends and backends.
#include <algorithm>

#include "lbstat/format.h"
#include "lbstat/render.h"

namespace sluice::lbstat {
namespace {

constexpr std::size_t kGenerationsShown = 5;

std::string process_line(const Status& status, Colour colour) {
  return paint("sluice " + printable(status.version), Tone::kHeading, colour) + ", pid " +
         std::to_string(status.pid) + ", up " + format_duration(status.uptime) + ", " +
         plural(status.workers.size(), "worker") + '\n';
}

/// `generation 8 (3 sessions), still alive: 7 (1 session, 2h00m)`. The rows may lack the current
/// one only in an answer of another version.
std::string generation_line(const Status& status) {
  std::string out = "generation " + std::to_string(status.generation);
  std::string older;
  std::size_t shown = 0;
  for (const GenerationRow& row : status.generations) {
    const std::string sessions = plural(row.sessions, "session");
    if (row.generation == status.generation) {
      out += " (" + sessions + ", " + format_duration(row.age_seconds) + ')';
    } else if (shown++ < kGenerationsShown) {
      older += (older.empty() ? "" : ", ") + std::to_string(row.generation) + " (" + sessions +
               ", " + format_duration(row.age_seconds) + ')';
    }
  }
  if (!older.empty()) out += ", still alive: " + older;
  if (shown > kGenerationsShown) {
    out += " and " + std::to_string(shown - kGenerationsShown) + " more";
  }
  return out;
}

std::string traffic_line(const Status& status) {
  return plural(status.sessions, "session") + " (" + format_count(status.sessions_total) +
         " in all), " + format_rate(status.session_rate) + "/s; in " +
         format_byte_rate(status.bytes_in_rate) + "/s (" + format_bytes(status.bytes_in) +
         " in all), out " + format_byte_rate(status.bytes_out_rate) + "/s (" +
         format_bytes(status.bytes_out) + " in all)";
}

/// The sum of one counter over all workers.
std::uint64_t sum(const Status& status, std::uint64_t WorkerRow::*member) {
  std::uint64_t total = 0;
  for (const WorkerRow& row : status.workers) total += row.*member;
  return total;
}

/// How evenly the sessions lie.
std::string worker_line(const Status& status) {
  if (status.workers.empty()) return {};
  const auto by_sessions = [](const WorkerRow& left, const WorkerRow& right) {
    return left.sessions < right.sessions;
  };
  const auto [least, most] =
      std::minmax_element(status.workers.begin(), status.workers.end(), by_sessions);
  std::string range = format_count(least->sessions);
  if (most->sessions > least->sessions) range += " to " + format_count(most->sessions);
  return "workers: " + range + " sessions each, " +
         plural(sum(status, &WorkerRow::promotions), "promotion") + " to splice";
}

/// What ran short since the start; nothing where nothing did.
std::string shortage_line(const Status& status) {
  const std::uint64_t descriptors = sum(status, &WorkerRow::accept_pauses);
  const std::uint64_t buffers = sum(status, &WorkerRow::buffer_shortages);
  const std::uint64_t pipes = sum(status, &WorkerRow::pipe_shortages);
  const std::uint64_t log_lines = sum(status, &WorkerRow::log_drops);
  if (descriptors + buffers + pipes + log_lines == 0) return {};
  return "shortages: descriptors " + format_count(descriptors) + ", buffers " +
         format_count(buffers) + ", pipes " + format_count(pipes) + ", log lines " +
         format_count(log_lines);
}

std::string reload_line(const Status& status) {
  if (status.reloads + status.reloads_refused == 0) return {};
  std::string out = plural(status.reloads, "reload");
  if (status.reloads_refused > 0) out += ", " + format_count(status.reloads_refused) + " refused";
  if (!status.last_reload.empty()) out += "; last: " + printable(status.last_reload);
  return out;
}

/// What the machine does not offer, without the reasons.
std::string feature_line(const Status& status) {
  std::string names;
  for (const std::string& feature : status.features) {
    names += (names.empty() ? "" : ", ") + printable(feature.substr(0, feature.find(':')));
  }
  return names.empty() ? names : "works without: " + names + " (`sluice --version` says why)";
}

/// A sentence of its own, wrapped, with the colour on each of its lines; nothing of an empty one.
std::string sentence(const std::string& text, Tone tone, const Layout& layout) {
  if (text.empty()) return {};
  std::string out;
  std::string lines = wrap(text, layout.width);
  for (std::size_t end = 0; (end = lines.find('\n')) != std::string::npos;) {
    out += paint(lines.substr(0, end), tone, layout.colour) + '\n';
    lines.erase(0, end + 1);
  }
  return out;
}

}  // namespace

std::string render(const Status& status, const StatusRates& rates, const Layout& layout) {
  std::string out = process_line(status, layout.colour);
  out += sentence(generation_line(status), Tone::kPlain, layout);
  out += sentence(traffic_line(status), Tone::kPlain, layout);
  out += sentence(worker_line(status), Tone::kPlain, layout);
  out += sentence(shortage_line(status), Tone::kWarning, layout);
  out += sentence(reload_line(status), Tone::kPlain, layout);
  if (!status.stopping.empty()) {
    out += sentence("stopping: " + printable(status.stopping), Tone::kBad, layout);
  }
  out += sentence(feature_line(status), Tone::kFaint, layout);
  return out + '\n' + render(status.frontends, rates.frontends, layout) + '\n' +
         render(status.backends, rates.backends, layout);
}

}  // namespace sluice::lbstat
