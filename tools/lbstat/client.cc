#include "lbstat/client.h"

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <charconv>

namespace sluice::lbstat {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

/// 100,000 sessions are about 40 MB.
constexpr std::uint64_t kLargestAnswer = 512ULL * 1024 * 1024;

/// Runs one asynchronous operation to its end: the time limit of the stream works on those only.
template <typename Start>
error_code finish(asio::io_context& io, Start start) {
  error_code result;
  start([&result](const error_code& error, auto&&...) { result = error; });
  io.restart();
  io.run();
  return result;
}

Error explain(const std::string& socket, const error_code& error, std::chrono::seconds limit) {
  if (error == beast::error::timeout) {
    return {"sluice does not answer at " + socket + " within " + std::to_string(limit.count()) +
            " s: its log may say why"};
  }
  if (error == http::error::end_of_stream || error == http::error::partial_message) {
    return {"sluice closed the connection at " + socket + ": it is ending, or did just now"};
  }
  return {"no answer from " + socket + ": " + error.message()};
}

std::optional<std::uint64_t> parse_number(beast::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

Result<Answer> ask(const std::string& socket, std::string_view method, std::string_view target,
                   std::chrono::seconds limit, std::string body) {
  asio::io_context io(1);
  beast::basic_stream<asio::local::stream_protocol> stream(io);
  stream.expires_after(limit);
  error_code error = finish(io, [&](auto done) {
    stream.async_connect(asio::local::stream_protocol::endpoint(socket), done);
  });
  if (error) return tl::unexpected(explain(socket, error, limit));

  http::request<http::string_body> request;
  request.version(11);
  request.method_string({method.data(), method.size()});
  request.target({target.data(), target.size()});
  request.set(http::field::host, "sluice");
  request.set(http::field::connection, "close");
  if (!body.empty()) request.set(http::field::content_type, "application/json");
  request.body() = std::move(body);
  request.prepare_payload();
  error = finish(io, [&](auto done) { http::async_write(stream, request, done); });
  if (error) return tl::unexpected(explain(socket, error, limit));

  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(kLargestAnswer);
  error = finish(io, [&](auto done) { http::async_read(stream, buffer, parser, done); });
  if (error) return tl::unexpected(explain(socket, error, limit));
  const auto& response = parser.get();
  return Answer{response.result_int(), response.body(),
                parse_number(response["Sluice-Total-Sessions"])};
}

std::string percent_encoded(std::string_view text) {
  static constexpr std::string_view kUnreserved =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char byte : text) {
    if (kUnreserved.find(byte) != std::string_view::npos) {
      out += byte;
      continue;
    }
    const auto code = static_cast<unsigned char>(byte);
    out += {'%', kDigits[code >> 4U], kDigits[code & 15U]};
  }
  return out;
}

}  // namespace sluice::lbstat
