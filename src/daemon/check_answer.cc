#include "daemon/check_answer.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "daemon/check_result.h"
#include "sluice/version.h"

namespace sluice::daemon {
namespace {

namespace http = boost::beast::http;
using Kind = Judgement::Kind;
using Parser = http::response_parser<http::string_body>;

bool is_wanted(const HealthCheckConfig& check, int status) {
  return std::any_of(check.status.begin(), check.status.end(), [status](const StatusRange& range) {
    return range.first <= status && status <= range.last;
  });
}

/// Puts the text into the parser, as much as it takes; gives the number of bytes.
std::size_t parse(Parser& parser, std::string_view text, boost::system::error_code& error) {
  parser.eager(true);
  parser.header_limit(static_cast<std::uint32_t>(kMostAnswer));
  parser.body_limit(kMostAnswer);
  std::size_t taken = 0;
  while (taken < text.size() && !parser.is_done()) {
    const auto rest = text.substr(taken);
    const std::size_t step = parser.put(boost::asio::buffer(rest.data(), rest.size()), error);
    taken += step;
    if (error || step == 0) break;
  }
  return taken;
}

}  // namespace

std::string unexpected_text(std::string_view expected, std::string_view answer) {
  return "expected " + excerpt(expected) + ", got " +
         (answer.empty() ? std::string("nothing") : excerpt(answer));
}

Judgement judge_exchange(const HealthCheckConfig& check, std::string_view answer, AnswerEnd end) {
  if (answer.find(check.expect) != std::string_view::npos) return {Kind::kGood, ""};
  if (end == AnswerEnd::kMayGoOn) return {};
  return {Kind::kBad, unexpected_text(check.expect, answer)};
}

Judgement judge_http(const HealthCheckConfig& check, std::string_view answer, AnswerEnd end) {
  Parser parser;
  boost::system::error_code error;
  const std::size_t taken = parse(parser, answer, error);
  const bool is_whole = parser.is_done() || error == http::error::body_limit;
  if (parser.is_header_done() && parser.get().result_int() / 100 == 1 && parser.is_done()) {
    return judge_http(check, answer.substr(taken), end);  // informational: another one follows
  }
  if (error && error != http::error::need_more && error != http::error::body_limit) {
    return {Kind::kBad, "not HTTP: " + excerpt(answer)};
  }
  if (!is_whole && end == AnswerEnd::kMayGoOn) return {};
  if (!parser.is_header_done()) {
    return {Kind::kBad, answer.empty() ? "closed without an answer"
                                       : "HTTP answer is not whole: " + excerpt(answer)};
  }
  const auto status = static_cast<int>(parser.get().result_int());
  if (is_wanted(check, status)) return {Kind::kGood, ""};
  return {Kind::kBad, "http " + std::to_string(status)};
}

Judgement judge_answer(const HealthCheckConfig& check, std::string_view answer, AnswerEnd end) {
  return check.type == HealthCheckType::kHttp ? judge_http(check, answer, end)
                                              : judge_exchange(check, answer, end);
}

std::string http_request(const HealthCheckConfig& check, const std::string& host) {
  return "GET " + check.path + " HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: sluice/" + kVersion +
         "\r\nAccept: */*\r\nConnection: close\r\n\r\n";
}

}  // namespace sluice::daemon
