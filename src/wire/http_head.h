// The head of an HTTP/1.1 request: request line and header fields, up to and including the empty
// line (RFC 9112).
//
// Two things, both strict. `HeadReader` collects a head out of bytes that arrive in any pieces,
// and refuses as they come those that two parsers could read differently: a line that ends with LF
// alone, a CR without LF, NUL and other control characters, folded lines. Once it is whole,
// Boost.Beast parses it, and what makes the length of the body ambiguous is refused:
// Content-Length beside Transfer-Encoding, either of them twice, a list of lengths, a coding
// other than `chunked`.
//
// Pure: bytes to values. Any thread. Limits: `kMaxRequestHead` bytes, which bounds the time too:
// every byte is looked at twice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace sluice::wire {

inline constexpr std::size_t kMaxRequestHead = std::size_t{32} * 1024;

/// How the end of a body is found.
enum class BodyKind : std::uint8_t { kNone, kLength, kChunked };

struct RequestHead {
  BodyKind body = BodyKind::kNone;
  std::uint64_t length = 0;    ///< kLength
  bool is_head = false;        ///< the method is HEAD: the answer has no body
  bool is_connect = false;     ///< the method is CONNECT
  bool wants_upgrade = false;  ///< Upgrade, and named in Connection
  bool wants_h2c = false;      ///< to HTTP/2
};

class HeadReader {
 public:
  enum class Status : std::uint8_t { kIncomplete, kComplete, kInvalid, kTooLarge };

  explicit HeadReader(std::size_t limit = kMaxRequestHead) noexcept : limit_(limit) {}

  /// Takes what belongs to the head, and gives how many bytes that were. Empty lines before it are
  /// taken and dropped (RFC 9112 section 2.2). Takes nothing once it is other than kIncomplete.
  std::size_t feed(std::span<const std::byte> bytes) noexcept;

  /// Begins anew, for the next head.
  void reset() noexcept;

  [[nodiscard]] Status status() const noexcept { return status_; }
  /// Nothing but empty lines has come.
  [[nodiscard]] bool is_empty() const noexcept { return text_.empty(); }
  /// The bytes of the head so far.
  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  /// Once complete.
  [[nodiscard]] const RequestHead& head() const noexcept { return head_; }
  /// Why it is invalid, in words.
  [[nodiscard]] const char* problem() const noexcept { return problem_; }

 private:
  enum class Place : std::uint8_t { kBefore, kBeforeLf, kLine, kLineLf, kLineStart, kLastLf };

  void take(char letter) noexcept;
  void take_in_line(char letter) noexcept;
  void refuse(const char* problem) noexcept;
  void conclude() noexcept;

  std::size_t limit_;
  std::size_t skipped_ = 0;  ///< bytes of empty lines before the head
  Place place_ = Place::kBefore;
  Status status_ = Status::kIncomplete;
  std::string text_;
  RequestHead head_;
  const char* problem_ = "";
};

/// One header field of a head that `HeadReader` has found complete.
struct HeaderField {
  std::string_view name;
  std::string_view value;  ///< without the spaces around it
  std::string_view line;   ///< all of it, CRLF included
};

/// The fields of a complete head, one after the other:
///   for (HeaderFields fields(text); fields.next();) use(fields.field());
class HeaderFields {
 public:
  explicit HeaderFields(std::string_view head) noexcept;

  /// Goes to the next one; false behind the last.
  bool next() noexcept;
  [[nodiscard]] const HeaderField& field() const noexcept { return field_; }
  /// Whether the field's name is this one, which is given in lower case.
  [[nodiscard]] bool is(std::string_view lower_case_name) const noexcept;

 private:
  std::string_view rest_;
  HeaderField field_;
};

/// The cookies of a Cookie field's value, one after the other.
class CookiePairs {
 public:
  explicit CookiePairs(std::string_view value) noexcept : rest_(value) {}

  bool next() noexcept;
  [[nodiscard]] std::string_view name() const noexcept { return name_; }
  [[nodiscard]] std::string_view value() const noexcept { return value_; }
  /// Name and value as written.
  [[nodiscard]] std::string_view text() const noexcept { return text_; }

 private:
  std::string_view rest_;
  std::string_view text_;
  std::string_view name_;
  std::string_view value_;
};

}  // namespace sluice::wire
