#include "stats/encode.h"

#include <concepts>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>
#include <vector>

namespace sluice::stats {
namespace {

using Json = nlohmann::ordered_json;

template <typename Row, typename Value>
struct Field {
  const char* key;
  Value Row::*member;
};

template <typename Row, typename Value>
constexpr Field<Row, Value> field(const char* key, Value Row::*member) {
  return {key, member};
}

/// `kAll` is the table of one row type: a std::tuple of Field.
template <typename Row>
struct Fields;

template <>
struct Fields<GenerationRow> {
  using Row = GenerationRow;
  static constexpr auto kAll = std::tuple{
      field("generation", &Row::generation),
      field("sessions", &Row::sessions),
      field("age_seconds", &Row::age_seconds),
  };
};

template <>
struct Fields<FrontendRow> {
  using Row = FrontendRow;
  static constexpr auto kAll = std::tuple{
      field("name", &Row::name),         field("protocol", &Row::protocol),
      field("listen", &Row::listen),     field("backend", &Row::backend),
      field("state", &Row::state),       field("current", &Row::current),
      field("max", &Row::max),           field("total", &Row::total),
      field("bytes_in", &Row::bytes_in), field("bytes_out", &Row::bytes_out),
      field("refused", &Row::refused),   field("errors", &Row::errors),
  };
};

template <>
struct Fields<BackendRow> {
  using Row = BackendRow;
  static constexpr auto kAll = std::tuple{
      field("name", &Row::name),
      field("policy", &Row::policy),
      field("state", &Row::state),
      field("servers", &Row::servers),
      field("servers_up", &Row::servers_up),
      field("standby_active", &Row::standby_active),
      field("current", &Row::current),
      field("max", &Row::max),
      field("total", &Row::total),
      field("bytes_in", &Row::bytes_in),
      field("bytes_out", &Row::bytes_out),
      field("errors", &Row::errors),
      field("retries", &Row::retries),
      field("queue", &Row::queue),
      field("persistence_clients", &Row::persistence_clients),
      field("persistence_evictions", &Row::persistence_evictions),
  };
};

template <>
struct Fields<ServerRow> {
  using Row = ServerRow;
  static constexpr auto kAll = std::tuple{
      field("frontend", &Row::frontend),
      field("backend", &Row::backend),
      field("server", &Row::server),
      field("address", &Row::address),
      field("state", &Row::state),
      field("check", &Row::check),
      field("weight", &Row::weight),
      field("mode", &Row::mode),
      field("current", &Row::current),
      field("max", &Row::max),
      field("total", &Row::total),
      field("bytes_in", &Row::bytes_in),
      field("bytes_out", &Row::bytes_out),
      field("errors", &Row::errors),
      field("retries", &Row::retries),
      field("queue", &Row::queue),
      field("last_change", &Row::last_change),
  };
};

template <>
struct Fields<SessionRow> {
  using Row = SessionRow;
  static constexpr auto kAll = std::tuple{
      field("id", &Row::id),
      field("frontend", &Row::frontend),
      field("backend", &Row::backend),
      field("server", &Row::server),
      field("client", &Row::client),
      field("address", &Row::address),
      field("age", &Row::age),
      field("idle", &Row::idle),
      field("bytes_in", &Row::bytes_in),
      field("bytes_out", &Row::bytes_out),
      field("state", &Row::state),
      field("relay", &Row::relay),
      field("relay_in", &Row::relay_in),
      field("relay_out", &Row::relay_out),
      field("tls", &Row::tls),
      field("tls_in", &Row::tls_in),
      field("tls_out", &Row::tls_out),
      field("generation", &Row::generation),
      field("worker", &Row::worker),
  };
};

template <>
struct Fields<ReasonRow> {
  using Row = ReasonRow;
  static constexpr auto kAll = std::tuple{
      field("reason", &Row::reason),
      field("side", &Row::side),
      field("total", &Row::total),
  };
};

template <>
struct Fields<WorkerRow> {
  using Row = WorkerRow;
  static constexpr auto kAll = std::tuple{
      field("worker", &Row::worker),
      field("cpu", &Row::cpu),
      field("sessions", &Row::sessions),
      field("total", &Row::total),
      field("handed_over", &Row::handed_over),
      field("turns", &Row::turns),
      field("accept_pauses", &Row::accept_pauses),
      field("buffers_in_use", &Row::buffers_in_use),
      field("buffers", &Row::buffers),
      field("buffer_shortages", &Row::buffer_shortages),
      field("pipes", &Row::pipes),
      field("pipe_shortages", &Row::pipe_shortages),
      field("promotions", &Row::promotions),
      field("demotions", &Row::demotions),
      field("tls_copied_bytes", &Row::tls_copied_bytes),
      field("tls_spliced_bytes", &Row::tls_spliced_bytes),
      field("tls_calls", &Row::tls_calls),
      field("tls_key_updates", &Row::tls_key_updates),
      field("tls_stranded", &Row::tls_stranded),
      field("tls_truncations", &Row::tls_truncations),
      field("tls_refusals", &Row::tls_refusals),
      field("log_drops", &Row::log_drops),
      field("udp_datagrams_in", &Row::udp_datagrams_in),
      field("udp_datagrams_out", &Row::udp_datagrams_out),
      field("udp_flows_evicted", &Row::udp_flows_evicted),
      field("udp_refusals", &Row::udp_refusals),
      field("udp_overflowed", &Row::udp_overflowed),
      field("udp_without_flow", &Row::udp_without_flow),
      field("udp_oversize", &Row::udp_oversize),
      field("udp_unsent", &Row::udp_unsent),
      field("udp_shortages", &Row::udp_shortages),
  };
};

template <>
struct Fields<Status> {
  using Row = Status;
  static constexpr auto kAll = std::tuple{
      field("version", &Row::version),
      field("pid", &Row::pid),
      field("generation", &Row::generation),
      field("generations", &Row::generations),
      field("uptime", &Row::uptime),
      field("stopping", &Row::stopping),
      field("sessions", &Row::sessions),
      field("sessions_total", &Row::sessions_total),
      field("bytes_in", &Row::bytes_in),
      field("bytes_out", &Row::bytes_out),
      field("session_rate", &Row::session_rate),
      field("bytes_in_rate", &Row::bytes_in_rate),
      field("bytes_out_rate", &Row::bytes_out_rate),
      field("reloads", &Row::reloads),
      field("reloads_refused", &Row::reloads_refused),
      field("last_reload", &Row::last_reload),
      field("features", &Row::features),
      field("workers", &Row::workers),
      field("frontends", &Row::frontends),
      field("backends", &Row::backends),
  };
};

template <>
struct Fields<ReloadOutcome> {
  using Row = ReloadOutcome;
  static constexpr auto kAll = std::tuple{
      field("accepted", &Row::accepted),
      field("generation", &Row::generation),
      field("summary", &Row::summary),
      field("diagnostics", &Row::diagnostics),
  };
};

template <>
struct Fields<KillOutcome> {
  static constexpr auto kAll = std::tuple{field("killed", &KillOutcome::killed)};
};

template <>
struct Fields<ServerOrder> {
  static constexpr bool kIsStrict = true;  // a misspelt key must not pass for none
  static constexpr auto kAll =
      std::tuple{field("action", &ServerOrder::action), field("timeout", &ServerOrder::timeout),
                 field("weight", &ServerOrder::weight)};
};

template <>
struct Fields<ServerOutcome> {
  using Row = ServerOutcome;
  static constexpr auto kAll = std::tuple{
      field("backend", &Row::backend), field("server", &Row::server),   field("state", &Row::state),
      field("weight", &Row::weight),   field("current", &Row::current), field("until", &Row::until),
      field("summary", &Row::summary),
  };
};

template <>
struct Fields<Refusal> {
  static constexpr auto kAll = std::tuple{field("error", &Refusal::error)};
};

template <>
struct Fields<Health> {
  static constexpr auto kAll =
      std::tuple{field("healthy", &Health::healthy), field("reason", &Health::reason)};
};

template <typename Value>
concept Scalar =
    std::integral<Value> || std::floating_point<Value> || std::same_as<Value, std::string>;

// --- Encoding ---

template <Scalar Value>
Json to_json(const Value& value) {
  return value;
}

template <typename Row>
Json to_json(const Row& row);

template <typename Element>
Json to_json(const std::vector<Element>& elements) {
  Json out = Json::array();
  for (const Element& element : elements) out.push_back(to_json(element));
  return out;
}

template <typename Row>
Json to_json(const Row& row) {
  Json out = Json::object();
  std::apply([&](const auto&... fields) { ((out[fields.key] = to_json(row.*fields.member)), ...); },
             Fields<Row>::kAll);
  return out;
}

// --- Decoding ---

/// Walks a parsed document. The first mismatch is kept in `error` with its key.
struct Decoder {
  std::string error;

  void mismatch(const char* key, const char* expected) {
    if (error.empty()) error = std::string(key) + ": expected " + expected;
  }

  void read(const char* key, const Json& json, bool& out) {
    if (!json.is_boolean()) return mismatch(key, "a boolean");
    out = json.get<bool>();
  }

  void read(const char* key, const Json& json, std::string& out) {
    if (!json.is_string()) return mismatch(key, "a string");
    out = json.get<std::string>();
  }

  void read(const char* key, const Json& json, double& out) {
    if (!json.is_number()) return mismatch(key, "a number");
    out = json.get<double>();
  }

  template <std::integral Integer>
  void read(const char* key, const Json& json, Integer& out) {
    const bool in_range =
        json.is_number_unsigned()
            ? std::in_range<Integer>(json.get<std::uint64_t>())
            : json.is_number_integer() && std::in_range<Integer>(json.get<std::int64_t>());
    if (!in_range) return mismatch(key, "an integer in range");
    out = json.get<Integer>();
  }

  template <typename Element>
  void read(const char* key, const Json& json, std::vector<Element>& out) {
    if (!json.is_array()) return mismatch(key, "an array");
    out.reserve(json.size());
    for (const Json& element : json) read(key, element, out.emplace_back());
  }

  template <typename Row>
  void read(const char* key, const Json& json, Row& out) {
    if (!json.is_object()) return mismatch(key, "an object");
    if constexpr (requires { Fields<Row>::kIsStrict; }) refuse_unknown<Row>(json);
    std::apply(
        [&](const auto&... fields) { (read_member(fields.key, json, out.*fields.member), ...); },
        Fields<Row>::kAll);
  }

  template <typename Row>
  void refuse_unknown(const Json& object) {
    for (const auto& [key, value] : object.items()) {
      const bool is_known = std::apply(
          [&, &name = key](const auto&... fields) { return ((name == fields.key) || ...); },
          Fields<Row>::kAll);
      if (!is_known) mismatch(key.c_str(), "no such key");
    }
  }

  template <typename Value>
  void read_member(const char* key, const Json& object, Value& out) {
    const auto found = object.find(key);
    if (found != object.end() && !found->is_null()) read(key, *found, out);
  }
};

}  // namespace

template <typename Value>
std::string encode(const Value& value) {
  constexpr int kOneLine = -1;
  return to_json(value).dump(kOneLine, ' ', false, Json::error_handler_t::replace);
}

template <typename Value>
Result<Value> decode(std::string_view text) {
  const Json json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return fail("the answer is not JSON");
  Decoder decoder;
  Value value{};
  decoder.read("the answer", json, value);
  if (!decoder.error.empty()) return fail(decoder.error);
  return value;
}

template std::string encode(const Status&);
template std::string encode(const ReloadOutcome&);
template std::string encode(const KillOutcome&);
template std::string encode(const ServerOrder&);
template std::string encode(const ServerOutcome&);
template std::string encode(const Health&);
template std::string encode(const Refusal&);
template std::string encode(const std::vector<FrontendRow>&);
template std::string encode(const std::vector<BackendRow>&);
template std::string encode(const std::vector<ServerRow>&);
template std::string encode(const std::vector<SessionRow>&);
template std::string encode(const std::vector<ReasonRow>&);

template Result<Status> decode(std::string_view);
template Result<ReloadOutcome> decode(std::string_view);
template Result<KillOutcome> decode(std::string_view);
template Result<ServerOrder> decode(std::string_view);
template Result<ServerOutcome> decode(std::string_view);
template Result<Health> decode(std::string_view);
template Result<Refusal> decode(std::string_view);
template Result<std::vector<FrontendRow>> decode(std::string_view);
template Result<std::vector<BackendRow>> decode(std::string_view);
template Result<std::vector<ServerRow>> decode(std::string_view);
template Result<std::vector<SessionRow>> decode(std::string_view);
template Result<std::vector<ReasonRow>> decode(std::string_view);

}  // namespace sluice::stats
