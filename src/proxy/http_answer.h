// What a client of an HTTP frontend is told when no server answers it.
//
// Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "proxy/relay_plan.h"

namespace sluice::proxy {

/// The status for a session that ends like this before a server has answered; 0: the client is told
/// nothing, as it has left or was not refused for a reason of HTTP.
[[nodiscard]] int status_for(const Ending& ending) noexcept;

/// A whole answer with a short body, after which the connection closes. `problem` says more than
/// the status does; it may be empty.
enum class AnswerBody : std::uint8_t { kSent, kLeftOut };
[[nodiscard]] std::string make_answer(int status, std::string_view problem, AnswerBody body);

}  // namespace sluice::proxy
