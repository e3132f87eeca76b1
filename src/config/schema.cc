#include "config/schema.h"

#include "config/backend_fields.h"
#include "config/frontend_fields.h"
#include "config/global_fields.h"

namespace sluice::config {

namespace {

/// What `defaults:` says: an entry begins as a copy of these.
struct Defaults {
  FrontendConfig frontend;
  BackendConfig backend;
  const TreeNode* given = nullptr;  ///< the mapping itself
};

/// The defaults as an entry of one kind sees them.
template <typename T>
struct Inherited {
  std::string_view owner;  ///< names the kind for messages
  const T& entry;
  const TreeNode* given;
};

/// The top of the file: what needs the defaults.
struct Root {
  Config& config;
  Defaults defaults;
};

void decode_own_name(Context& context, const Value& value, Defaults& /*out*/) {
  context.error(value.offset, "cannot be a default: each entry needs its own");
}

/// Both frontends and backends have `timeouts`, with different keys.
void decode_default_timeouts(Context& context, const Value& value, Defaults& out) {
  decode_mapping(context, value, "`timeouts`",
                 Target(kFrontendTimeoutFields, out.frontend.timeouts),
                 Target(kBackendTimeoutFields, out.backend.timeouts));
}

constexpr Field<Defaults> kDefaultsFields[] = {
    {"name", decode_own_name},
    {"listen", decode_own_name},
    {"timeouts", decode_default_timeouts},
};

/// The keys of a frontend or backend without the demand that they be there.
template <typename T, std::size_t N>
struct OptionalTarget : Target<T, N> {
  using Target<T, N>::Target;
  [[nodiscard]] bool is_complete() const { return true; }
  void report_missing(Context& /*context*/, const Value& /*value*/, std::string_view /*owner*/,
                      const detail::KnownKeys& /*known*/) const {}
};
template <typename T, std::size_t N>
OptionalTarget(const Field<T> (&)[N], T&) -> OptionalTarget<T, N>;

void decode_defaults(Context& context, const Value& value, Defaults& out) {
  out.given = value.node;
  decode_mapping(context, value, "`defaults`", Target(kDefaultsFields, out),
                 OptionalTarget(kFrontendFields, out.frontend),
                 OptionalTarget(kBackendFields, out.backend));
}

/// Decodes a list of entries that begin as copies of the defaults.
template <typename T, std::size_t N>
void decode_entries(Context& context, const Value& value, const Field<T> (&fields)[N],
                    const Inherited<T>& inherited, std::vector<T>& out) {
  for_each_item(context, value, "a list", [&](const Value& item) {
    T& entry = out.emplace_back(inherited.entry);
    entry.position = context.position(item.offset);
    decode_mapping(context, item, inherited.owner,
                   Target(fields, entry).inheriting(inherited.given));
  });
}

void decode_frontends(Context& context, const Value& value, Root& root) {
  const Defaults& defaults = root.defaults;
  decode_entries(context, value, kFrontendFields,
                 Inherited<FrontendConfig>{"a frontend", defaults.frontend, defaults.given},
                 root.config.frontends);
}

void decode_backends(Context& context, const Value& value, Root& root) {
  const Defaults& defaults = root.defaults;
  decode_entries(context, value, kBackendFields,
                 Inherited<BackendConfig>{"a backend", defaults.backend, defaults.given},
                 root.config.backends);
}

/// Done before everything else, wherever it stands.
void skip_defaults(Context& /*context*/, const Value& /*value*/, Root& /*root*/) {}

constexpr Field<Root> kRootFields[] = {
    {"defaults", skip_defaults},
    {"frontends", decode_frontends, {.is_required = true}},
    {"backends", decode_backends, {.is_required = true}},
};

template <typename T, std::size_t N>
bool has_key(const Field<T> (&fields)[N], std::string_view key) {
  return std::any_of(std::begin(fields), std::end(fields),
                     [key](const Field<T>& field) { return field.answers_to(key); });
}

}  // namespace

Config decode_config(const Document& document, Context& context) {
  Config config;
  Root root{config, {}};
  const TreeNode& top = *document.root.node;
  if (top.kind == NodeKind::kMapping) {
    if (const Entry* entry = top.find("defaults")) {
      const Context::Step step(context, {entry->key});
      decode_defaults(context, entry->value, root.defaults);
    }
  }
  decode_mapping(context, document.root, "the configuration", Target(kGlobalFields, config),
                 Target(kRootFields, root));
  return config;
}

std::string_view owner_of_key(std::string_view key, std::string_view found_in) {
  const bool is_of_frontend = has_key(kFrontendFields, key);
  const bool is_of_backend = has_key(kBackendFields, key);
  const bool is_of_server = has_key(kServerFields, key);
  if (is_of_frontend && is_of_server) return "a frontend or a server";
  if (is_of_frontend && is_of_backend) return "a frontend or a backend";
  if (is_of_frontend) return "a frontend";
  if (is_of_backend) return "a backend";
  if (is_of_server) return "a server of a backend";
  if (has_key(kGlobalFields, key) || has_key(kRootFields, key)) return "the top of the file";
  // The keys of blocks are everyday words: `path` belongs to many things outside of this schema.
  const bool is_in_entry = found_in == "a frontend" || found_in == "a backend" ||
                           found_in == "a server" || found_in == "`defaults`";
  if (!is_in_entry) return "";
  if (has_key(kHealthCheckFields, key)) return "`health_check` of a backend";
  if (has_key(kFrontendTlsFields, key)) return "`tls` of a frontend";
  if (has_key(kBackendTimeoutFields, key)) return "`timeouts` of a backend";
  if (has_key(kFrontendTimeoutFields, key)) return "`timeouts` of a frontend";
  if (has_key(kOutlierFields, key)) return "`outlier` of a backend";
  return "";
}

void decode_workers(Context& context, const Value& value, Config& out) {
  constexpr std::uint64_t kMost = 1024;
  if (!detail::expect_unquoted(context, value, "auto or a number")) return;
  if (value.node->text == "auto") {
    out.workers.reset();
    return;
  }
  const auto parsed = parse_number(value.node->text, 1, kMost);
  if (parsed) {
    out.workers = static_cast<int>(*parsed);
  } else {
    context.error(value.offset, parsed.error() + ", or auto");
  }
}

void decode_admin_socket(Context& context, const Value& value, AdminConfig& out) {
  path<&AdminConfig::socket>(context, value, out);
  const auto checked = check_socket_path(out.socket);
  if (!checked) context.error(value.offset, checked.error());
}

void decode_listen(Context& context, const Value& value, FrontendConfig& out) {
  parse_items(context, value, out.listen, [&](std::string_view text) -> Parsed<ListenAddress> {
    auto parsed = parse_listen(text);
    if (!parsed || parsed->kind != ListenKind::kUnix) return parsed;
    auto path = check_socket_path(context.resolve(parsed->path));
    if (!path) return tl::unexpected(std::move(path.error()));
    parsed->path = std::move(*path);
    return parsed;
  });
}

void decode_admin_listen(Context& context, const Value& value, AdminConfig& out) {
  if (!detail::expect_scalar(context, value, "an address such as 127.0.0.1:9901")) return;
  auto parsed = parse_listen(value.node->text);
  if (!parsed || parsed->kind != ListenKind::kIp) {
    context.error(value.offset, parsed ? "takes a TCP address; the UNIX socket is `socket`"
                                       : std::move(parsed.error()));
    return;
  }
  if (parsed->last_port != 0) return context.error(value.offset, "takes one port, not a range");
  out.listen = std::move(*parsed);
  out.listen->position = context.position(value.offset);
}

void decode_persistence(Context& context, const Value& value, BackendConfig& out) {
  static constexpr Choice<PersistenceKind> kKinds[] = {
      {"none", PersistenceKind::kNone},
      {"source_ip", PersistenceKind::kSourceIp},
      {"tls_session", PersistenceKind::kTlsSession},
  };
  static constexpr Field<PersistenceConfig> kFields[] = {
      {"cookie",
       block<&PersistenceConfig::cookie, kCookieFields, "`cookie`">,
       {.is_required = true}},
  };
  PersistenceConfig persistence;
  if (value.node->kind == NodeKind::kMapping) {
    persistence.kind = PersistenceKind::kCookie;
    decode_mapping(context, value, "`persistence`", Target(kFields, persistence));
  } else if (value.node->kind == NodeKind::kScalar && value.node->text == "cookie") {
    context.error(value.offset, "a cookie needs a name: {cookie: {name: LBSRV}}");
    return;
  } else {
    choose(context, value, kKinds, persistence.kind, ", {cookie: {name: NAME}}");
  }
  out.persistence = std::move(persistence);
}

}  // namespace sluice::config
