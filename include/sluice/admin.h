// Where the admin socket is when nobody says: the daemon makes it there, `lbstat` looks there
// (contract, section 2).
//
// Reads the environment only; any thread.
#pragma once

#include <cstdlib>
#include <optional>
#include <string>

namespace sluice {

inline constexpr const char* kSystemAdminSocket = "/run/sluice/admin.sock";

/// The place of a user who is not root; nothing where the session has no $XDG_RUNTIME_DIR.
[[nodiscard]] inline std::optional<std::string> user_admin_socket() {
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  if (runtime == nullptr || *runtime != '/') return std::nullopt;
  return std::string(runtime) + "/sluice/admin.sock";
}

}  // namespace sluice
