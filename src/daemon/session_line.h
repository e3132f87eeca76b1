// The log line of a finished session. Pure; any thread.
//
//   session frontend=web backend=shop server=app1 client=192.0.2.7:40112 address=10.0.0.11:8080
//   connect=0.4ms duration=12.3s bytes_in=512 bytes_out=1048576 relay=copy/splice retries=0
//   reason=client_closed side=client generation=3 id=1025
//
// `relay` is client to server / server to client. As JSON the same keys, with times in seconds.
#pragma once

#include <string>

#include "proxy/session_log.h"

namespace sluice::daemon {

[[nodiscard]] std::string session_text(const proxy::SessionRecord& record);
/// A JSON object without the closing brace's line end; `time` and `level` included.
[[nodiscard]] std::string session_json(const proxy::SessionRecord& record);

/// `0.4ms`, `12.3s`: three digits are enough to read, the unit goes with the size.
[[nodiscard]] std::string short_duration(base::Duration duration);

/// `2026-02-03T04:05:06.789Z` (RFC 3339, UTC).
[[nodiscard]] std::string timestamp(std::chrono::system_clock::time_point time);

}  // namespace sluice::daemon
