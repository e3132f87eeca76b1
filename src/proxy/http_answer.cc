#include "proxy/http_answer.h"

namespace sluice::proxy {
namespace {

const char* phrase_for(int status) noexcept {
  switch (status) {
    case 400:
      return "Bad Request";
    case 408:
      return "Request Timeout";
    case 431:
      return "Request Header Fields Too Large";
    case 502:
      return "Bad Gateway";
    case 504:
      return "Gateway Timeout";
    default:
      return "Service Unavailable";
  }
}

}  // namespace

int status_for(const Ending& ending) noexcept {
  switch (ending.reason) {
    case CloseReason::kServerClosed:
    case CloseReason::kServerReset:
    case CloseReason::kConnectFailed:
    case CloseReason::kVerifyFailed:
    case CloseReason::kResponseInvalid:
      return 502;
    case CloseReason::kHandshakeFailed:
      return ending.side == Side::kServer ? 502 : 0;
    case CloseReason::kConnectTimeout:
    case CloseReason::kIdleTimeout:
    case CloseReason::kResponseTimeout:
      return 504;
    case CloseReason::kHandshakeTimeout:
      return ending.side == Side::kServer ? 504 : 0;
    case CloseReason::kQueueTimeout:
    case CloseReason::kQueueFull:
    case CloseReason::kNoServer:
    case CloseReason::kLimit:
    case CloseReason::kDrained:
    case CloseReason::kServerDown:
    case CloseReason::kStopped:
    case CloseReason::kInternal:
      return 503;
    case CloseReason::kClientClosed:
    case CloseReason::kClientReset:
    case CloseReason::kHalfClosedTimeout:
    case CloseReason::kProxyHeaderInvalid:
    case CloseReason::kSniTimeout:
    case CloseReason::kDenied:
    case CloseReason::kKilled:
    case CloseReason::kRequestInvalid:
    case CloseReason::kRequestTimeout:
      return 0;
  }
  return 0;
}

std::string make_answer(int status, std::string_view problem, AnswerBody body) {
  const std::string line = std::to_string(status) + ' ' + phrase_for(status);
  std::string text = line;
  if (!problem.empty()) text.append(": ").append(problem);
  text += '\n';
  std::string answer = "HTTP/1.1 " + line +
                       "\r\nContent-Type: text/plain\r\nCache-Control: no-store\r\n"
                       "Connection: close\r\nContent-Length: " +
                       std::to_string(text.size()) + "\r\n\r\n";
  return body == AnswerBody::kSent ? answer + text : answer;
}

}  // namespace sluice::proxy
