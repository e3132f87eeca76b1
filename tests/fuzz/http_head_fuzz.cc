// Any bytes may come where an HTTP request is expected: whatever they are, how they were cut does
// not matter, what is taken as a head ends like one and holds nothing that another parser could
// read as the end of a line, and its fields cover it. The first byte chooses how the rest is cut.
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

#include "wire/http_body.h"
#include "wire/http_head.h"

namespace {

using namespace sluice::wire;

void require(bool condition) {
  if (!condition) std::abort();
}

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

/// How the bytes were taken: into a head and a body.
struct Reading {
  HeadReader::Status head = HeadReader::Status::kIncomplete;
  BodyReader::Status body = BodyReader::Status::kIncomplete;
  std::string text;
  std::size_t taken = 0;

  bool operator==(const Reading&) const = default;
};

Reading read(std::string_view text, std::size_t step) {
  Reading out;
  HeadReader head;
  while (out.taken < text.size() && head.status() == HeadReader::Status::kIncomplete) {
    out.taken += head.feed(bytes_of(text.substr(out.taken, step)));
  }
  out.head = head.status();
  out.text = head.text();
  if (out.head != HeadReader::Status::kComplete) {
    out.taken = 0;  // where the bytes that refused it end does not matter
    return out;
  }
  BodyReader body;
  body.begin(head.head());
  while (out.taken < text.size() && body.status() == BodyReader::Status::kIncomplete) {
    out.taken += body.feed(bytes_of(text.substr(out.taken, step)));
  }
  out.body = body.status();
  return out;
}

void check_head(const std::string& text) {
  require(text.ends_with("\r\n\r\n"));
  require(text.find("\r\n\r\n") == text.size() - 4);
  require(text.find('\0') == std::string::npos);
  for (std::size_t at = text.find('\n'); at != std::string::npos; at = text.find('\n', at + 1)) {
    require(at > 0 && text[at - 1] == '\r');
  }
  std::size_t covered = text.find("\r\n") + 2;
  HeaderFields fields(text);
  while (fields.next()) {
    covered += fields.field().line.size();
    require(!fields.field().name.empty());
    CookiePairs pairs(fields.field().value);
    while (pairs.next()) require(pairs.name().find(';') == std::string_view::npos);
  }
  require(covered + 2 == text.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Reading whole = read(text, text.size() + 1);
  require(read(text, std::size_t{data[0]} + 1) == whole);
  require(read(text, 1) == whole);
  if (whole.head == HeadReader::Status::kComplete) check_head(whole.text);
  return 0;
}
