#include "wire/http_head.h"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <limits>

namespace sluice::wire {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;

/// What may stand in a line: visible characters, space, tab, and bytes beyond ASCII.
constexpr std::array<bool, 256> make_plain() {
  std::array<bool, 256> plain{};
  for (std::size_t code = 0; code < plain.size(); ++code) {
    plain[code] = (code >= 0x20 && code != 0x7f) || code == '\t';
  }
  return plain;
}
constexpr std::array<bool, 256> kPlain = make_plain();

bool is_plain(char letter) noexcept {
  return kPlain[static_cast<unsigned char>(letter)];
}

/// Beast's parser, and what it lets pass.
class Parser final : public http::basic_parser<true> {
 public:
  explicit Parser(std::size_t size) {
    header_limit(static_cast<std::uint32_t>(size) + 1);
    body_limit(std::numeric_limits<std::uint64_t>::max());  // none at all compares as less
  }

  RequestHead head;
  const char* problem = nullptr;

  [[nodiscard]] const char* judge() noexcept;

 private:
  using Error = beast::error_code;
  using Text = beast::string_view;

  void on_request_impl(http::verb method, Text /*name*/, Text /*target*/, int version,
                       Error& error) override {
    if (version != 10 && version != 11) return refuse("not HTTP/1.1", error);
    is_old_ = version == 10;
    head.is_head = method == http::verb::head;
    head.is_connect = method == http::verb::connect;
  }
  void on_response_impl(int /*code*/, Text /*reason*/, int /*version*/, Error& /*error*/) override {
  }
  void on_field_impl(http::field field, Text name, Text value, Error& error) override;
  void on_header_impl(Error& /*error*/) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>& /*length*/,
                         Error& /*error*/) override {}
  std::size_t on_body_impl(Text /*body*/, Error& /*error*/) override { return 0; }
  void on_chunk_header_impl(std::uint64_t /*size*/, Text /*extensions*/,
                            Error& /*error*/) override {}
  std::size_t on_chunk_body_impl(std::uint64_t /*remain*/, Text /*body*/,
                                 Error& /*error*/) override {
    return 0;
  }
  void on_finish_impl(Error& /*error*/) override {}

  void take_length(Text value, Error& error);
  void take_coding(Text value, Error& error);
  void refuse(const char* why, Error& error) {
    problem = why;
    error = http::error::bad_value;
  }

  bool is_old_ = false;  ///< HTTP/1.0
  bool has_host_ = false;
  bool has_length_ = false;
  bool has_coding_ = false;
  bool names_upgrade_ = false;
  bool has_upgrade_ = false;
};

void Parser::on_field_impl(http::field field, Text /*name*/, Text value, Error& error) {
  switch (field) {
    case http::field::host:
      if (has_host_) return refuse("Host twice", error);
      has_host_ = true;
      return;
    case http::field::content_length:
      return take_length(value, error);
    case http::field::transfer_encoding:
      return take_coding(value, error);
    case http::field::connection:
      names_upgrade_ = names_upgrade_ || http::token_list(value).exists("upgrade");
      return;
    case http::field::upgrade:
      has_upgrade_ = true;
      head.wants_h2c = head.wants_h2c || http::token_list(value).exists("h2c");
      return;
    default:
      return;
  }
}

void Parser::take_length(Text value, Error& error) {
  if (has_length_) return refuse("Content-Length twice", error);
  has_length_ = true;
  const bool is_number =
      !value.empty() && value.size() <= 18 &&
      std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!is_number) return refuse("Content-Length is no number", error);
  head.body = BodyKind::kLength;
  for (const char digit : value) {
    head.length = head.length * 10 + static_cast<std::uint64_t>(digit - '0');
  }
}

void Parser::take_coding(Text value, Error& error) {
  if (has_coding_) return refuse("Transfer-Encoding twice", error);
  has_coding_ = true;
  if (!beast::iequals(value, "chunked")) {
    return refuse("Transfer-Encoding other than chunked", error);
  }
  head.body = BodyKind::kChunked;
}

/// What only the whole head tells.
const char* Parser::judge() noexcept {
  if (has_length_ && has_coding_) return "Content-Length beside Transfer-Encoding";
  if (has_coding_ && is_old_) return "Transfer-Encoding in HTTP/1.0";
  if (!has_host_ && !is_old_) return "no Host";
  head.wants_upgrade = has_upgrade_ && names_upgrade_ && !is_old_;
  return nullptr;
}

const char* words_for(const beast::error_code& error) noexcept {
  if (error == http::error::bad_method || error == http::error::bad_target) {
    return "request line malformed";
  }
  if (error == http::error::bad_version) return "not HTTP/1.1";
  if (error == http::error::bad_field) return "name of a header field malformed";
  if (error == http::error::bad_content_length) return "Content-Length ambiguous";
  if (error == http::error::bad_transfer_encoding) {
    return "Transfer-Encoding ambiguous";
  }
  return "header field malformed";
}

std::string_view trimmed(std::string_view text) noexcept {
  constexpr std::string_view kSpace = " \t";
  const auto begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

/// The first line of `text`, CRLF included, which is taken off it.
std::string_view take_line(std::string_view& text) noexcept {
  const std::size_t size = std::min(text.find("\r\n"), text.size() - 2) + 2;
  const std::string_view line = text.substr(0, size);
  text.remove_prefix(size);
  return line;
}

}  // namespace

// --- Collecting ---

std::size_t HeadReader::feed(std::span<const std::byte> bytes) noexcept {
  std::size_t taken = 0;
  while (taken < bytes.size() && status_ == Status::kIncomplete) {
    const auto* const from = reinterpret_cast<const char*>(bytes.data());
    if (place_ == Place::kLine) {
      const std::size_t room = limit_ - std::min(limit_, text_.size());
      const char* const end = from + std::min(bytes.size(), taken + room);
      const char* const stop = std::find_if_not(from + taken, end, is_plain);
      text_.append(from + taken, stop);
      taken = static_cast<std::size_t>(stop - from);
      if (taken == bytes.size()) break;
    }
    take(from[taken++]);
  }
  return taken;
}

void HeadReader::reset() noexcept {
  text_.clear();
  skipped_ = 0;
  place_ = Place::kBefore;
  status_ = Status::kIncomplete;
  head_ = {};
  problem_ = "";
}

void HeadReader::take(char letter) noexcept {
  if (text_.size() + skipped_ >= limit_) {
    status_ = Status::kTooLarge;
    problem_ = "request head too large";
    return;
  }
  switch (place_) {
    case Place::kBefore:
      if (letter != '\r') break;
      ++skipped_;
      place_ = Place::kBeforeLf;
      return;
    case Place::kBeforeLf:
      if (letter != '\n') return refuse("CR without LF");
      ++skipped_;
      place_ = Place::kBefore;
      return;
    case Place::kLine:
      break;
    case Place::kLineLf:
    case Place::kLastLf:
      if (letter != '\n') return refuse("CR without LF");
      text_ += letter;
      if (place_ == Place::kLastLf) return conclude();
      place_ = Place::kLineStart;
      return;
    case Place::kLineStart:
      if (letter == ' ' || letter == '\t') return refuse("folded header line");
      if (letter != '\r') break;
      text_ += letter;
      place_ = Place::kLastLf;
      return;
  }
  take_in_line(letter);
}

void HeadReader::take_in_line(char letter) noexcept {
  if (letter == '\n') return refuse("line ends without CR");
  if (letter == '\0') return refuse("NUL in the head");
  if (letter != '\r' && !is_plain(letter)) return refuse("control character in the head");
  text_ += letter;
  place_ = letter == '\r' ? Place::kLineLf : Place::kLine;
}

void HeadReader::refuse(const char* problem) noexcept {
  status_ = Status::kInvalid;
  problem_ = problem;
}

void HeadReader::conclude() noexcept {
  Parser parser(text_.size());
  beast::error_code error;
  const std::size_t taken = parser.put(boost::asio::buffer(text_), error);
  if (error) return refuse(parser.problem != nullptr ? parser.problem : words_for(error));
  if (!parser.is_header_done() || taken != text_.size()) return refuse("request line malformed");
  if (const char* const problem = parser.judge(); problem != nullptr) return refuse(problem);
  head_ = parser.head;
  status_ = Status::kComplete;
}

// --- Fields ---

HeaderFields::HeaderFields(std::string_view head) noexcept : rest_(head) {
  if (!rest_.empty()) take_line(rest_);
}

bool HeaderFields::next() noexcept {
  if (rest_.size() <= 2) return false;
  field_.line = take_line(rest_);
  const std::size_t colon = field_.line.find(':');
  if (colon == std::string_view::npos) return false;
  field_.name = field_.line.substr(0, colon);
  field_.value = trimmed(field_.line.substr(colon + 1, field_.line.size() - colon - 3));
  return true;
}

bool HeaderFields::is(std::string_view lower_case_name) const noexcept {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; };
  return std::equal(field_.name.begin(), field_.name.end(), lower_case_name.begin(),
                    lower_case_name.end(), [&](char a, char b) { return lower(a) == b; });
}

bool CookiePairs::next() noexcept {
  while (!rest_.empty()) {
    const std::size_t end = std::min(rest_.find(';'), rest_.size());
    text_ = trimmed(rest_.substr(0, end));
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    if (text_.empty()) continue;
    const std::size_t equals = std::min(text_.find('='), text_.size());
    name_ = trimmed(text_.substr(0, equals));
    value_ = trimmed(text_.substr(std::min(equals + 1, text_.size())));
    return true;
  }
  return false;
}

}  // namespace sluice::wire
