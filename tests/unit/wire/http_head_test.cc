#include "wire/http_head.h"

#include <gtest/gtest.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::wire {
namespace {

using HeadStatus = HeadReader::Status;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

/// Feeds `text` in pieces of `step` bytes; gives what was not taken.
std::string_view feed(HeadReader& reader, std::string_view text, std::size_t step) {
  while (!text.empty() && reader.status() == HeadStatus::kIncomplete) {
    text.remove_prefix(reader.feed(bytes_of(text.substr(0, step))));
  }
  return text;
}

HeadReader read(std::string_view text) {
  HeadReader reader;
  feed(reader, text, text.size());
  return reader;
}

std::string with(std::string_view fields) {
  return "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
}

std::string problem_of(std::string_view text) {
  const HeadReader reader = read(text);
  EXPECT_EQ(reader.status(), HeadStatus::kInvalid) << text;
  return reader.problem();
}

TEST(HeadReader, FindsTheEndInAnySegmentation) {
  const std::string head =
      "POST /cart?id=1 HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 5\r\nCookie: a=b\r\n\r\n";
  for (std::size_t step = 1; step <= head.size() + 5; ++step) {
    HeadReader reader;
    const std::string all = head + "hello";
    EXPECT_EQ(feed(reader, all, step), "hello") << step;
    ASSERT_EQ(reader.status(), HeadStatus::kComplete) << step << reader.problem();
    EXPECT_EQ(reader.text(), head);
    EXPECT_EQ(reader.head().body, BodyKind::kLength);
    EXPECT_EQ(reader.head().length, 5U);
  }
}

TEST(HeadReader, DropsEmptyLinesBeforeTheRequest) {
  HeadReader reader;
  feed(reader, "\r\n\r\n" + with(""), 3);
  EXPECT_EQ(reader.status(), HeadStatus::kComplete);
  EXPECT_EQ(reader.text(), with(""));
}

TEST(HeadReader, IsEmptyUntilALineBegins) {
  HeadReader reader;
  feed(reader, "\r\n", 1);
  EXPECT_TRUE(reader.is_empty());
  feed(reader, "G", 1);
  EXPECT_FALSE(reader.is_empty());
}

TEST(HeadReader, BeginsAnew) {
  HeadReader reader = read("NO\n");
  EXPECT_EQ(reader.status(), HeadStatus::kInvalid);
  reader.reset();
  feed(reader, with(""), 1000);
  EXPECT_EQ(reader.status(), HeadStatus::kComplete);
}

TEST(HeadReader, KnowsWhatTheMethodMeans) {
  EXPECT_TRUE(read("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").head().is_head);
  EXPECT_TRUE(read("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n").head().is_connect);
  EXPECT_EQ(read("PURGE * HTTP/1.1\r\nHost: a\r\n\r\n").status(), HeadStatus::kComplete);
}

TEST(HeadReader, KnowsAnUpgrade) {
  EXPECT_TRUE(
      read(with("Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n")).head().wants_upgrade);
  EXPECT_FALSE(read(with("Upgrade: websocket\r\n")).head().wants_upgrade);
  EXPECT_TRUE(
      read(with("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n")).head().wants_h2c);
}

TEST(HeadReader, TakesOldAndPlainRequests) {
  EXPECT_EQ(read("GET / HTTP/1.0\r\n\r\n").status(), HeadStatus::kComplete);
  EXPECT_EQ(read(with("X-Empty:\r\nX-Umlaut: \xc3\xa4\r\nX-Tab: a\tb\r\n")).status(),
            HeadStatus::kComplete);
}

TEST(HeadReader, RefusesWhatTwoParsersReadDifferently) {
  EXPECT_EQ(problem_of(with("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n")),
            "Transfer-Encoding ambiguous");
  EXPECT_EQ(problem_of(with("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n")),
            "Content-Length ambiguous");
  EXPECT_EQ(problem_of(with("Content-Length: 4\r\nContent-Length: 4\r\n")), "Content-Length twice");
  EXPECT_EQ(problem_of(with("Content-Length: 4, 4\r\n")), "Content-Length is no number");
  EXPECT_EQ(problem_of(with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")),
            "Transfer-Encoding ambiguous");
  for (const auto* coding : {"gzip, chunked", "identity", "xchunked", "chunked, identity"}) {
    EXPECT_EQ(problem_of(with("Transfer-Encoding: " + std::string(coding) + "\r\n")),
              "Transfer-Encoding other than chunked");
  }
  EXPECT_EQ(problem_of("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
            "Transfer-Encoding in HTTP/1.0");
  EXPECT_EQ(problem_of(with("X: a\r\n folded\r\n")), "folded header line");
  EXPECT_EQ(problem_of("GET / HTTP/1.1\r\n Host: a\r\n\r\n"), "folded header line");
  EXPECT_EQ(problem_of("GET / HTTP/1.1\nHost: a\r\n\r\n"), "line ends without CR");
  EXPECT_EQ(problem_of(with("X: a\n")), "line ends without CR");
  EXPECT_EQ(problem_of(with("X: a\rb\r\n")), "CR without LF");
  EXPECT_EQ(problem_of(with(std::string_view("X: a\0b\r\n", 8))), "NUL in the head");
  EXPECT_EQ(problem_of(with("X: a\x01\r\n")), "control character in the head");
}

TEST(HeadReader, RefusesLengthsThatAreNoNumbers) {
  for (const auto* length : {"", "-1", "+4", "0x4", "4 4", "1e3", "99999999999999999999"}) {
    const HeadReader reader = read(with("Content-Length: " + std::string(length) + "\r\n"));
    EXPECT_EQ(reader.status(), HeadStatus::kInvalid) << length;
  }
}

TEST(HeadReader, RefusesMalformedRequests) {
  for (const auto* text :
       {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
        "GET /\r\nHost: a\r\n\r\n", "G{T / HTTP/1.1\r\nHost: a\r\n\r\n", "/ HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", "GET / http/1.1\r\nHost: a\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x16\x03\x01\x02", "SSH-2.0-OpenSSH_9.2\r\n\r\n"}) {
    EXPECT_EQ(read(text).status(), HeadStatus::kInvalid) << text;
  }
  EXPECT_EQ(problem_of(with("X : a\r\n")), "name of a header field malformed");
  EXPECT_EQ(problem_of(with("X\r\n")), "name of a header field malformed");
  EXPECT_EQ(problem_of(with("X[]: a\r\n")), "name of a header field malformed");
}

TEST(HeadReader, WantsExactlyOneHost) {
  EXPECT_EQ(problem_of("GET / HTTP/1.1\r\n\r\n"), "no Host");
  EXPECT_EQ(problem_of(with("Host: b\r\n")), "Host twice");
}

TEST(HeadReader, StopsAtItsLimit) {
  const std::string head = with("X: " + std::string(200, 'x') + "\r\n");
  HeadReader enough(head.size());
  feed(enough, head, 7);
  EXPECT_EQ(enough.status(), HeadStatus::kComplete);
  for (const std::size_t step : {std::size_t{1}, std::size_t{7}, head.size()}) {
    HeadReader less(head.size() - 1);
    feed(less, head, step);
    EXPECT_EQ(less.status(), HeadStatus::kTooLarge);
    EXPECT_LT(less.text().size(), head.size());
  }
  HeadReader lines(10);
  feed(lines, "\r\n\r\n\r\n\r\n\r\n\r\n", 1);
  EXPECT_EQ(lines.status(), HeadStatus::kTooLarge);
}

TEST(HeaderFields, GivesEachLine) {
  const std::string head = with("X-One:  a b \t\r\nempty:\r\n");
  HeaderFields fields(head);
  std::vector<std::string> seen;
  while (fields.next()) {
    seen.push_back(std::string(fields.field().name) + "=" + std::string(fields.field().value));
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"Host=a", "X-One=a b", "empty="}));
}

TEST(HeaderFields, NamesAreTheSameInAnyCase) {
  const std::string head = with("");
  HeaderFields fields(head);
  ASSERT_TRUE(fields.next());
  EXPECT_TRUE(fields.is("host"));
  EXPECT_FALSE(fields.is("hos"));
  EXPECT_FALSE(fields.is("hosts"));
}

TEST(CookiePairs, GivesEachPair) {
  CookiePairs pairs(" a=1; LBSRV=x=y ;;b ; =z");
  std::vector<std::string> seen;
  while (pairs.next()) seen.push_back(std::string(pairs.name()) + "|" + std::string(pairs.value()));
  EXPECT_EQ(seen, (std::vector<std::string>{"a|1", "LBSRV|x=y", "b|", "|z"}));
}

}  // namespace
}  // namespace sluice::wire
