#include "daemon/session_line.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace sluice::daemon {
namespace {

const char* relay_name(bool has_spliced) noexcept {
  return has_spliced ? "splice" : "copy";
}

std::string_view server_name(const proxy::SessionRecord& record) {
  return record.server != nullptr ? std::string_view(record.server->name()) : "-";
}

/// A name that came over the network, made fit for a line: what no host name has is a `?`.
std::string printable(std::string_view name) {
  constexpr std::string_view kFine = "abcdefghijklmnopqrstuvwxyz0123456789.-_";
  std::string out;
  for (const char letter : name) out += kFine.find(letter) != std::string_view::npos ? letter : '?';
  return out;
}

/// What only sessions with TLS have.
std::string tls_text(const proxy::SessionRecord& record) {
  std::string out;
  const auto add = [&out](std::string_view key, const char* name) {
    if (name != nullptr) out += fmt::format(" {}={}", key, name);
  };
  add("tls", record.client_tls.version);
  add("cipher", record.client_tls.cipher);
  if (!record.server_name.empty()) out += " sni=" + printable(record.server_name);
  add("server_tls", record.server_tls.version);
  add("server_cipher", record.server_tls.cipher);
  if (record.has_tls) {
    out +=
        fmt::format(" gear=\"{}\"", proxy::gear_text(record.upstream_gear, record.downstream_gear));
  }
  if (!record.problem.empty()) out += fmt::format(" problem=\"{}\"", record.problem);
  return out;
}

void add_tls(const proxy::SessionRecord& record, nlohmann::ordered_json& line) {
  const auto add = [&line](const char* key, const proxy::TlsNames& names) {
    if (names.version != nullptr) {
      line[key] = {{"version", names.version}, {"cipher", names.cipher}};
    }
  };
  add("tls", record.client_tls);
  if (!record.server_name.empty()) line["sni"] = printable(record.server_name);
  add("server_tls", record.server_tls);
  if (record.has_tls) {
    line["gear_in"] = proxy::gear_text(record.upstream_gear);
    line["gear_out"] = proxy::gear_text(record.downstream_gear);
  }
  if (!record.problem.empty()) line["problem"] = record.problem;
}

double seconds(base::Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

std::string short_duration(base::Duration duration) {
  const double value = seconds(duration);
  if (value < 0.01) return fmt::format("{:.2f}ms", value * 1e3);
  if (value < 1) return fmt::format("{:.0f}ms", value * 1e3);
  if (value < 100) return fmt::format("{:.2f}s", value);
  return fmt::format("{:.0f}s", value);
}

std::string timestamp(std::chrono::system_clock::time_point time) {
  using std::chrono::milliseconds;
  const auto whole = std::chrono::time_point_cast<std::chrono::seconds>(time);
  const auto rest = std::chrono::duration_cast<milliseconds>(time - whole).count();
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(whole)), rest);
}

std::string session_text(const proxy::SessionRecord& record) {
  return fmt::format(
      "session frontend={} backend={} server={} client={} address={} connect={} duration={} "
      "bytes_in={} bytes_out={} relay={}/{} retries={} reason={} side={} generation={} id={}{}",
      record.frontend->name(), record.backend->name(), server_name(record),
      record.client.to_string(), record.server_address.to_string(),
      short_duration(record.connect_time), short_duration(record.duration), record.bytes_in,
      record.bytes_out, relay_name(record.upstream_spliced), relay_name(record.downstream_spliced),
      record.retries, to_string(record.ending.reason), to_string(record.ending.side),
      record.generation, record.id, tls_text(record));
}

std::string session_json(const proxy::SessionRecord& record) {
  nlohmann::ordered_json line;
  line["time"] = timestamp(std::chrono::system_clock::now());
  line["level"] = "info";
  line["event"] = "session";
  line["frontend"] = record.frontend->name();
  line["backend"] = record.backend->name();
  line["server"] = server_name(record);
  line["client"] = record.client.to_string();
  line["address"] = record.server_address.to_string();
  line["began"] = timestamp(record.began_at);
  line["connect"] = seconds(record.connect_time);
  line["duration"] = seconds(record.duration);
  line["bytes_in"] = record.bytes_in;
  line["bytes_out"] = record.bytes_out;
  line["relay_in"] = relay_name(record.upstream_spliced);
  line["relay_out"] = relay_name(record.downstream_spliced);
  line["retries"] = record.retries;
  line["reason"] = to_string(record.ending.reason);
  line["side"] = to_string(record.ending.side);
  line["generation"] = record.generation;
  line["id"] = record.id;
  add_tls(record, line);
  return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace sluice::daemon
