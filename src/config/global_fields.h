// The keys at the top of the file, but for frontends, backends and defaults.
#pragma once

#include "config/fields.h"

namespace sluice::config {

inline constexpr Choice<LogLevel> kLogLevels[] = {{"error", LogLevel::kError},
                                                  {"warn", LogLevel::kWarn},
                                                  {"warning", LogLevel::kWarn},
                                                  {"info", LogLevel::kInfo},
                                                  {"debug", LogLevel::kDebug}};
inline constexpr Choice<LogFormat> kLogFormats[] = {{"text", LogFormat::kText},
                                                    {"json", LogFormat::kJson}};
inline constexpr Choice<SpliceMode> kSpliceModes[] = {{"auto", SpliceMode::kAuto},
                                                      {"off", SpliceMode::kOff}};
inline constexpr Choice<KtlsMode> kKtlsModes[] = {
    {"auto", KtlsMode::kAuto}, {"on", KtlsMode::kOn}, {"off", KtlsMode::kOff}};

/// `auto` or a number of threads.
void decode_workers(Context& context, const Value& value, Config& out);
/// A path that a UNIX socket can have.
void decode_admin_socket(Context& context, const Value& value, AdminConfig& out);
/// The admin interface's TCP address: numeric, neither unix: nor fd:.
void decode_admin_listen(Context& context, const Value& value, AdminConfig& out);

inline constexpr Field<LogConfig> kLogFields[] = {
    {"level", choice<&LogConfig::level, kLogLevels>},
    {"format", choice<&LogConfig::format, kLogFormats>},
    {"sessions", flag<&LogConfig::sessions>},
};

inline constexpr Field<AdminConfig> kAdminFields[] = {
    {"socket", decode_admin_socket},
    {"listen", decode_admin_listen},
};

inline constexpr Field<CertificateConfig> kCertificateFields[] = {
    {"name", text<&CertificateConfig::name, parse_name>, {.is_required = true}},
    {"certificate", path<&CertificateConfig::certificate>, {.is_required = true}},
    {"key", path<&CertificateConfig::key>, {.is_required = true}},
};

inline constexpr Field<CaBundleConfig> kCaBundleFields[] = {
    {"name", text<&CaBundleConfig::name, parse_name>, {.is_required = true}},
    {"file", path<&CaBundleConfig::file>, {.is_required = true}},
};

inline constexpr Field<Config> kGlobalFields[] = {
    {"workers", decode_workers},
    {"stop_timeout", duration<&Config::stop_timeout>},
    {"splice", choice<&Config::splice, kSpliceModes>},
    {"ktls", choice<&Config::ktls, kKtlsModes>},
    {"log", block<&Config::log, kLogFields, "`log`">},
    {"admin", block<&Config::admin, kAdminFields, "`admin`">},
    {"watch", flag<&Config::watch>},
    {"certificates", blocks<&Config::certificates, kCertificateFields, "a certificate">},
    {"ca_bundles", blocks<&Config::ca_bundles, kCaBundleFields, "a CA bundle">},
};

}  // namespace sluice::config
