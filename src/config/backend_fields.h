// The keys of a backend and of its servers.
#pragma once

#include "config/fields.h"

namespace sluice::config {

inline constexpr Choice<BalancePolicy> kPolicies[] = {
    {"round_robin", BalancePolicy::kRoundRobin},
    {"roundrobin", BalancePolicy::kRoundRobin},
    {"least_connections", BalancePolicy::kLeastConnections},
    {"leastconn", BalancePolicy::kLeastConnections},
    {"least_conn", BalancePolicy::kLeastConnections},
    {"random", BalancePolicy::kRandom},
    {"source_hash", BalancePolicy::kSourceHash},
    {"source", BalancePolicy::kSourceHash},
    {"first", BalancePolicy::kFirst},
};
inline constexpr Choice<CookieSameSite> kSameSites[] = {{"lax", CookieSameSite::kLax},
                                                        {"strict", CookieSameSite::kStrict},
                                                        {"none", CookieSameSite::kNone}};
inline constexpr Choice<CookieSecure> kCookieSecures[] = {
    {"auto", CookieSecure::kAuto}, {"true", CookieSecure::kOn}, {"false", CookieSecure::kOff}};
inline constexpr Choice<AllDown> kAllDowns[] = {{"reject", AllDown::kReject},
                                                {"try_anyway", AllDown::kTryAnyway}};
inline constexpr Choice<OnServerDown> kOnServerDowns[] = {{"keep", OnServerDown::kKeep},
                                                          {"close", OnServerDown::kClose}};
inline constexpr Choice<OnServerRemoved> kOnServerRemoveds[] = {{"drain", OnServerRemoved::kDrain},
                                                                {"close", OnServerRemoved::kClose}};
inline constexpr Choice<HealthCheckType> kHealthCheckTypes[] = {
    {"tcp", HealthCheckType::kTcp},   {"tls", HealthCheckType::kTls},
    {"http", HealthCheckType::kHttp}, {"udp", HealthCheckType::kUdp},
    {"none", HealthCheckType::kNone},
};
inline constexpr Choice<UdpHash> kUdpHashes[] = {{"address", UdpHash::kAddress},
                                                 {"flow", UdpHash::kFlow}};
inline constexpr Choice<ServerVerify> kServerVerifies[] = {{"required", ServerVerify::kRequired},
                                                           {"none", ServerVerify::kNone}};
inline constexpr Choice<ProxyProtocolVersion> kProxyProtocolVersions[] = {
    {"none", ProxyProtocolVersion::kNone},
    {"v1", ProxyProtocolVersion::kV1},
    {"v2", ProxyProtocolVersion::kV2},
};

inline constexpr Field<CookieConfig> kCookieFields[] = {
    {"name", text<&CookieConfig::name, parse_cookie_name>},
    {"path", text<&CookieConfig::path, parse_url_path>},
    {"domain", text<&CookieConfig::domain, parse_host_name>},
    {"secure", choice<&CookieConfig::secure, kCookieSecures>},
    {"same_site", choice<&CookieConfig::same_site, kSameSites>},
    {"max_age", duration<&CookieConfig::max_age>},
    {"http_only", flag<&CookieConfig::http_only>},
    {"strip", flag<&CookieConfig::strip>},
    {"key_file", path<&CookieConfig::key_file>},
};

inline constexpr Field<BackendTimeouts> kBackendTimeoutFields[] = {
    {"connect", duration<&BackendTimeouts::connect>},
    {"idle", duration<&BackendTimeouts::idle>},
    {"half_closed", duration<&BackendTimeouts::half_closed>},
    {"queue", duration<&BackendTimeouts::queue>},
    {"response", duration<&BackendTimeouts::response>},
};

inline constexpr Field<HealthCheckConfig> kHealthCheckFields[] = {
    {"type", choice<&HealthCheckConfig::type, kHealthCheckTypes>},
    {"interval", duration<&HealthCheckConfig::interval, Zero::kIsWrong>},
    {"timeout", duration<&HealthCheckConfig::timeout, Zero::kIsWrong>},
    {"fall", number<&HealthCheckConfig::fall, 1, 1000>},
    {"rise", number<&HealthCheckConfig::rise, 1, 1000>},
    {"port", number<&HealthCheckConfig::port, 1, 65'535>},
    {"send", bytes<&HealthCheckConfig::send>},
    {"expect", bytes<&HealthCheckConfig::expect>},
    {"path", text<&HealthCheckConfig::path, parse_url_path>},
    {"status", list<&HealthCheckConfig::status, parse_status_range>},
    {"server_name", text<&HealthCheckConfig::server_name, parse_host_name>},
};

inline constexpr Field<OutlierConfig> kOutlierFields[] = {
    {"max_fails", number<&OutlierConfig::max_fails, 0, 1'000'000>},
    {"window", duration<&OutlierConfig::window, Zero::kIsWrong>},
    {"eject", duration<&OutlierConfig::eject, Zero::kIsWrong>},
    {"max_ejected_percent", number<&OutlierConfig::max_ejected_percent, 0, 100>},
};

inline constexpr Field<UdpConfig> kUdpFields[] = {
    {"idle", duration<&UdpConfig::idle, Zero::kIsWrong>},
    {"responses", number<&UdpConfig::responses, 0, 1'000'000>},
    {"max_flows", number<&UdpConfig::max_flows, 1, 10'000'000>},
    {"hash", choice<&UdpConfig::hash, kUdpHashes>},
};

inline constexpr Field<ServerConfig> kServerFields[] = {
    {"name", text<&ServerConfig::name, parse_name>, {.is_required = true}},
    {"address", text<&ServerConfig::address, parse_server_address>, {.is_required = true}},
    {"port", number<&ServerConfig::port, 1, 65'535>, {.is_required = true}},
    {"ssl_offload", flag<&ServerConfig::ssl_offload>},
    {"passive", flag<&ServerConfig::passive>, {.aliases = {"backup", "standby"}}},
    {"ca_bundle", text<&ServerConfig::ca_bundle, parse_name>},
    {"server_name", text<&ServerConfig::server_name, parse_host_name>},
    {"verify", choice<&ServerConfig::verify, kServerVerifies>},
    {"tls", flag<&ServerConfig::tls>},
    {"client_certificate", text<&ServerConfig::client_certificate, parse_name>},
    {"weight", number<&ServerConfig::weight, 0, 256>},
    {"max_connections",
     number<&ServerConfig::max_connections, 0, 100'000'000>,
     {.aliases = {"maxconn"}}},
    {"send_proxy_protocol", choice<&ServerConfig::send_proxy_protocol, kProxyProtocolVersions>},
};

/// `none`, `source_ip`, `tls_session`, or `{cookie: {...}}`.
void decode_persistence(Context& context, const Value& value, BackendConfig& out);

inline constexpr Field<BackendConfig> kBackendFields[] = {
    {"name", text<&BackendConfig::name, parse_name>, {.is_required = true}},
    {"policy", choice<&BackendConfig::policy, kPolicies>, {.aliases = {"balance"}}},
    {"persistence", decode_persistence},
    {"persistence_expire", duration<&BackendConfig::persistence_expire>},
    {"persistence_entries", number<&BackendConfig::persistence_entries, 1, 100'000'000>},
    {"all_down", choice<&BackendConfig::all_down, kAllDowns>},
    {"standby_min_active", number<&BackendConfig::standby_min_active, 1, 100'000>},
    {"on_server_down", choice<&BackendConfig::on_server_down, kOnServerDowns>},
    {"on_server_removed", choice<&BackendConfig::on_server_removed, kOnServerRemoveds>},
    {"drain_timeout", duration<&BackendConfig::drain_timeout>},
    {"resolve_interval", duration<&BackendConfig::resolve_interval>},
    {"retries", number<&BackendConfig::retries, 0, 100>},
    {"queue_size", number<&BackendConfig::queue_size, 0, 10'000'000>},
    {"timeouts", block<&BackendConfig::timeouts, kBackendTimeoutFields, "`timeouts`">},
    {"keepalive", flag<&BackendConfig::keepalive>},
    {"health_check", block<&BackendConfig::health_check, kHealthCheckFields, "`health_check`">},
    {"outlier", block<&BackendConfig::outlier, kOutlierFields, "`outlier`">},
    {"udp", block<&BackendConfig::udp, kUdpFields, "`udp`">},
    {"servers", blocks<&BackendConfig::servers, kServerFields, "a server">, {.is_required = true}},
};

}  // namespace sluice::config
