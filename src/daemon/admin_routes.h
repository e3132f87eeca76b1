// What the admin interface answers, without the network: one request in, one answer out (contract,
// section 4).
//
//   GET    /v1/status /v1/frontends /v1/backends /v1/reasons      rows as JSON
//   GET    /v1/servers[?backend=B]
//   GET    /v1/sessions[?backend=B][&server=S | B/S][&limit=N]    header Sluice-Total-Sessions
//   GET    /metrics /healthz                                      text
//   POST   /v1/reload                                             200 taken, 422 refused
//   DELETE /v1/sessions/ID    /v1/sessions?server=B/S
//   POST   /v1/servers/B/S     {"action": "drain" | "ready" | "maintenance" | "weight",
//                               "timeout": "30s", "weight": 5}     until the next reload
//
// HEAD is answered like GET; the connection leaves the body out. Everything that is not 2xx (and
// not /healthz or a refused reload) carries {"error": "..."}. Control thread.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::daemon {

class AdminSource;

/// What a listener lets its clients do. kReadOnly: GET and HEAD, everything else is 403.
enum class AdminAccess { kFull, kReadOnly };

struct AdminRequest {
  std::string method;
  std::string target;
  AdminAccess access = AdminAccess::kReadOnly;
  std::string body{};
};

struct AdminAnswer {
  unsigned status = 200;
  std::string content_type;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;  ///< besides the two that every one has
};

using AnswerCallback = std::function<void(AdminAnswer)>;

/// Calls `done` exactly once, from within or later (AdminSource says which calls take time).
void route(AdminSource& source, const AdminRequest& request, AnswerCallback done);

/// {"error": text}.
[[nodiscard]] AdminAnswer refusal(unsigned status, std::string_view text);

}  // namespace sluice::daemon
