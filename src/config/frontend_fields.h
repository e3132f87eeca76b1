// The keys of a frontend.
#pragma once

#include "config/fields.h"

namespace sluice::config {

inline constexpr Choice<Protocol> kProtocols[] = {
    {"tcp", Protocol::kTcp}, {"udp", Protocol::kUdp}, {"http", Protocol::kHttp}};
inline constexpr Choice<TlsVersion> kTlsVersions[] = {{"1.2", TlsVersion::kTls12},
                                                      {"1.3", TlsVersion::kTls13}};
inline constexpr Choice<ClientVerify> kClientVerifies[] = {{"required", ClientVerify::kRequired},
                                                           {"optional", ClientVerify::kOptional}};

inline constexpr std::uint64_t kMostConnections = 100'000'000;

inline constexpr Field<RouteConfig> kRouteFields[] = {
    {"sni", text<&RouteConfig::sni, parse_sni_pattern>, {.is_required = true}},
    {"backend", text<&RouteConfig::backend, parse_name>, {.is_required = true}},
};

inline constexpr Field<FrontendTlsConfig> kFrontendTlsFields[] = {
    {"certificates", list<&FrontendTlsConfig::certificates, parse_name>, {.is_required = true}},
    {"strict_sni", flag<&FrontendTlsConfig::strict_sni>},
    {"min_version", choice<&FrontendTlsConfig::min_version, kTlsVersions>},
    {"alpn", list<&FrontendTlsConfig::alpn, parse_alpn>},
    {"client_ca", text<&FrontendTlsConfig::client_ca, parse_name>},
    {"client_verify", choice<&FrontendTlsConfig::client_verify, kClientVerifies>},
};

inline constexpr Field<AcceptProxyProtocolConfig> kAcceptProxyProtocolFields[] = {
    {"from", list<&AcceptProxyProtocolConfig::from, parse_network>, {.is_required = true}},
};

inline constexpr Field<FrontendTimeouts> kFrontendTimeoutFields[] = {
    {"handshake", duration<&FrontendTimeouts::handshake>},
    {"sni", duration<&FrontendTimeouts::sni>},
    {"proxy_protocol", duration<&FrontendTimeouts::proxy_protocol>},
    {"request_head", duration<&FrontendTimeouts::request_head>},
};

/// Addresses; paths of UNIX sockets are relative to the configuration's place.
void decode_listen(Context& context, const Value& value, FrontendConfig& out);

inline constexpr Field<FrontendConfig> kFrontendFields[] = {
    {"name", text<&FrontendConfig::name, parse_name>, {.is_required = true}},
    {"protocol", choice<&FrontendConfig::protocol, kProtocols>},
    {"listen", decode_listen, {.is_required = true}},
    {"backend", text<&FrontendConfig::backend, parse_name>},
    {"routes", blocks<&FrontendConfig::routes, kRouteFields, "a route">},
    {"tls", optional_block<&FrontendConfig::tls, kFrontendTlsFields, "`tls` of a frontend">},
    {"accept_proxy_protocol",
     optional_block<&FrontendConfig::accept_proxy_protocol, kAcceptProxyProtocolFields,
                    "`accept_proxy_protocol`">},
    {"max_connections",
     number<&FrontendConfig::max_connections, 0, kMostConnections>,
     {.aliases = {"maxconn"}}},
    {"max_connections_per_ip", number<&FrontendConfig::max_connections_per_ip, 0, 1'000'000>},
    {"allow", list<&FrontendConfig::allow, parse_network>},
    {"deny", list<&FrontendConfig::deny, parse_network>},
    {"forwarded", flag<&FrontendConfig::forwarded>},
    {"timeouts", block<&FrontendConfig::timeouts, kFrontendTimeoutFields, "`timeouts`">},
};

}  // namespace sluice::config
