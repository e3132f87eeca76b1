// Whether what a server has answered to a health check is what the configuration asks for. Pure: no
// socket, no clock.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "sluice/config.h"

namespace sluice::daemon {

/// The most of an answer that is looked at.
inline constexpr std::size_t kMostAnswer = std::size_t{64} * 1024;

/// Whether more of the answer may come. An answer of kMostAnswer is taken for a whole one.
enum class AnswerEnd { kMayGoOn, kReached };

struct Judgement {
  enum class Kind { kWait, kGood, kBad };
  Kind kind = Kind::kWait;
  std::string reason;  ///< kBad: `http 503`, `expected "PONG", got "-ERR"`
};

/// `send` and `expect`: good as soon as the expected bytes appear. Without `expect` everything is.
[[nodiscard]] Judgement judge_exchange(const HealthCheckConfig& check, std::string_view answer,
                                       AnswerEnd end);

/// An HTTP/1.x response: good when its status is in one of the ranges. Waits for the whole
/// response, so that the server can send it to somebody who listens.
[[nodiscard]] Judgement judge_http(const HealthCheckConfig& check, std::string_view answer,
                                   AnswerEnd end);

/// By the type of the check.
[[nodiscard]] Judgement judge_answer(const HealthCheckConfig& check, std::string_view answer,
                                     AnswerEnd end);

/// `expected "PONG", got "-ERR"`, or `got nothing`.
[[nodiscard]] std::string unexpected_text(std::string_view expected, std::string_view answer);

/// What an http check sends. `host`: a name, or an address with its port.
[[nodiscard]] std::string http_request(const HealthCheckConfig& check, const std::string& host);

}  // namespace sluice::daemon
