#include <array>

#include "sluice/stats.h"

namespace sluice {

std::string_view to_string(CloseReason reason) noexcept {
  static constexpr std::array<std::string_view, kCloseReasonCount> kNames = {"client_closed",
                                                                             "server_closed",
                                                                             "idle_timeout",
                                                                             "half_closed_timeout",
                                                                             "connect_failed",
                                                                             "connect_timeout",
                                                                             "queue_timeout",
                                                                             "queue_full",
                                                                             "no_server",
                                                                             "handshake_failed",
                                                                             "handshake_timeout",
                                                                             "verify_failed",
                                                                             "proxy_header_invalid",
                                                                             "sni_timeout",
                                                                             "request_invalid",
                                                                             "request_timeout",
                                                                             "response_invalid",
                                                                             "response_timeout",
                                                                             "denied",
                                                                             "limit",
                                                                             "client_reset",
                                                                             "server_reset",
                                                                             "drained",
                                                                             "killed",
                                                                             "server_down",
                                                                             "stopped",
                                                                             "internal"};
  return kNames[static_cast<std::size_t>(reason)];
}

std::string_view to_string(Side side) noexcept {
  static constexpr std::array<std::string_view, kSideCount> kNames = {"client", "server", "us"};
  return kNames[static_cast<std::size_t>(side)];
}

}  // namespace sluice
