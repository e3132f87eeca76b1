// What is changed in requests and answers on their way. In every segmentation alike.
#include "proxy/http_request_editor.h"

#include <gtest/gtest.h>

#include <span>
#include <string>
#include <string_view>

#include "proxy/http_response_editor.h"
#include "spoken.h"

namespace sluice::proxy {
namespace {

std::string feed(ByteEditor& editor, std::string_view text, std::size_t step) {
  ByteString out;
  for (; !text.empty(); text.remove_prefix(std::min(step, text.size()))) {
    editor.edit(bytes_of(text.substr(0, step)), out);
  }
  return text_of(out);
}

RequestChanges forwarding() {
  return {"", "192.0.2.7", "https"};
}

/// What a server gets of `text`.
void expect_requests(const RequestChanges& changes, std::string_view text,
                     std::string_view expected) {
  for (std::size_t step = 1; step <= text.size(); ++step) {
    HttpRequestEditor editor(changes);
    EXPECT_EQ(feed(editor, text, step), expected) << step;
    EXPECT_EQ(editor.problem(), nullptr) << editor.problem();
    EXPECT_FALSE(editor.is_done());
  }
}

std::string problem_with(std::string_view text, std::string_view expected) {
  HttpRequestEditor editor(forwarding());
  EXPECT_EQ(feed(editor, text, 7), expected);
  EXPECT_EQ(feed(editor, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 7), "") << "nothing follows";
  return editor.problem() != nullptr ? editor.problem() : "none";
}

constexpr std::string_view kForwarded =
    "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n\r\n";

// --- Requests ---

TEST(HttpRequestEditor, SaysInEveryRequestWhoTheClientIs) {
  const std::string text =
      "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nGETGET /b HTTP/1.1\r\nHost: a\r\n"
      "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nGET /c HTTP/1.0\r\n\r\n";
  std::string expected = "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n";
  expected += kForwarded;
  expected += "GETGET /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n";
  expected += kForwarded;
  expected += "3\r\nabc\r\n0\r\n\r\nGET /c HTTP/1.0\r\n";
  expected += kForwarded;
  expect_requests(forwarding(), text, expected);
}

TEST(HttpRequestEditor, AddsToWhatIsKnownOfTheClientAndReplacesItsProtocol) {
  expect_requests(forwarding(),
                  "GET / HTTP/1.1\r\nx-forwarded-for: 10.0.0.1\r\nHost: a\r\n"
                  "X-Forwarded-Proto: gopher\r\nX-Forwarded-For: 10.0.0.2, 10.0.0.3\r\n\r\n",
                  "GET / HTTP/1.1\r\nHost: a\r\n"
                  "X-Forwarded-For: 10.0.0.1, 10.0.0.2, 10.0.0.3, 192.0.2.7\r\n"
                  "X-Forwarded-Proto: https\r\n\r\n");
}

TEST(HttpRequestEditor, TakesACookieOut) {
  expect_requests({"LBSRV", "", ""},
                  "GET / HTTP/1.1\r\nHost: a\r\nCookie: a=1; LBSRV=x; b=2=3\r\n"
                  "cookie: LBSRV=y\r\nX-Forwarded-For: z\r\n\r\n",
                  "GET / HTTP/1.1\r\nHost: a\r\nCookie: a=1; b=2=3\r\nX-Forwarded-For: z\r\n\r\n");
}

TEST(HttpRequestEditor, RefusesWhatFollowsARequest) {
  const std::string first = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  std::string passed = "GET / HTTP/1.1\r\nHost: a\r\n";
  passed += kForwarded;
  EXPECT_EQ(problem_with(first + "NONSENSE\n", passed), "line ends without CR");
  EXPECT_EQ(problem_with(first + "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", passed),
            "CONNECT after other requests");
  EXPECT_EQ(problem_with("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz",
                         "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n" +
                             std::string(kForwarded)),
            "chunk malformed");
  EXPECT_EQ(problem_with("GET / HTTP/1.1\r\nX: " + std::string(40'000, 'x'), ""),
            "request head too large");
}

constexpr std::string_view kUpgrade =
    "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n";

TEST(HttpRequestEditor, WaitsForTheAnswerToAnUpgrade) {
  HttpRequestEditor editor(forwarding());
  std::string passed(kUpgrade);
  passed += kForwarded;
  EXPECT_EQ(feed(editor, std::string(kUpgrade) + "\r\nframes", 5), passed);
  EXPECT_FALSE(editor.is_done());
  editor.on_answer(true);
  ByteString out;
  editor.edit({}, out);
  EXPECT_EQ(text_of(out), "frames");
  EXPECT_TRUE(editor.is_done());
  EXPECT_EQ(feed(editor, "more", 4), "more");
}

TEST(HttpRequestEditor, StaysWithHttpWhereTheServerDoes) {
  HttpRequestEditor editor(forwarding());
  feed(editor, std::string(kUpgrade) + "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nGET", 5);
  editor.on_answer(false);
  ByteString out;
  editor.edit({}, out);
  EXPECT_EQ(text_of(out), "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(kForwarded));
  EXPECT_FALSE(editor.is_done());
  EXPECT_EQ(feed(editor, " / HTTP/1.0\r\n\r\n", 5), "GET / HTTP/1.0\r\n" + std::string(kForwarded));
}

TEST(HttpRequestEditor, BoundsWhatWaits) {
  HttpRequestEditor editor(forwarding());
  feed(editor, std::string(kUpgrade) + "\r\n", 100);
  feed(editor, std::string(HttpRequestEditor::kMaxWaiting + 1, 'x'), 1000);
  EXPECT_STREQ(editor.problem(), "too much behind a request for an upgrade");
  editor.on_answer(true);
  ByteString out;
  editor.edit({}, out);
  EXPECT_TRUE(out.empty());
}

TEST(HttpRequestEditor, LaterUpgradesAndThoseToHttp2AreNotAskedFor) {
  std::string upgrade = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n";
  expect_requests(
      forwarding(), "GET / HTTP/1.0\r\n\r\n" + std::string(kUpgrade) + "\r\n",
      "GET / HTTP/1.0\r\n" + std::string(kForwarded) + upgrade + std::string(kForwarded));
  expect_requests(forwarding(), upgrade + "Upgrade: h2c\r\n\r\n",
                  upgrade + std::string(kForwarded));
}

// --- Answers ---

void expect_answer(std::string_view text, std::string_view expected, int status) {
  for (std::size_t step = 1; step <= text.size(); ++step) {
    HttpResponseEditor editor("Set-Cookie: a=b\r\n");
    EXPECT_EQ(feed(editor, text, step), expected) << step;
    EXPECT_EQ(editor.status(), status);
    EXPECT_EQ(editor.is_done(), status != 0);
    EXPECT_FALSE(editor.is_refused());
  }
}

TEST(HttpResponseEditor, PutsTheLineIntoTheFirstAnswerOnly) {
  expect_answer("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 404 No\r\n\r\n",
                "HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 1\r\n\r\n"
                "xHTTP/1.1 404 No\r\n\r\n",
                200);
  expect_answer("HTTP/1.0 500\r\n\r\n", "HTTP/1.0 500\r\nSet-Cookie: a=b\r\n\r\n", 500);
}

TEST(HttpResponseEditor, PassesInterimAnswersBy) {
  expect_answer(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 204 \r\n\r\n",
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n"
      "HTTP/1.1 204 \r\nSet-Cookie: a=b\r\n\r\n",
      204);
  expect_answer("HTTP/1.1 100\n\nHTTP/1.1 200 OK\nA: b\n\n",
                "HTTP/1.1 100\n\nHTTP/1.1 200 OK\nSet-Cookie: a=b\r\nA: b\n\n", 200);
  expect_answer("HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n", 0);
}

TEST(HttpResponseEditor, ChangingProtocolsIsFinal) {
  expect_answer("HTTP/1.1 101 Switching\r\nUpgrade: w\r\n\r\n\x81",
                "HTTP/1.1 101 Switching\r\nSet-Cookie: a=b\r\nUpgrade: w\r\n\r\n\x81", 101);
}

TEST(HttpResponseEditor, LetsNothingByThatIsNotHttp) {
  for (const auto* text :
       {"220 mail.example ESMTP\r\n", "HTTP/2.0 200 OK\r\n", "HTTP/1.1 2x0 OK\r\n",
        "HTTP/1.1 099 OK\r\n", "HTTP/1.1\t200 OK\r\n", "<html></html>"}) {
    HttpResponseEditor editor("");
    EXPECT_EQ(feed(editor, text, 5), "") << text;
    EXPECT_TRUE(editor.is_refused()) << text;
    EXPECT_EQ(editor.status(), 0);
  }
}

}  // namespace
}  // namespace sluice::proxy
