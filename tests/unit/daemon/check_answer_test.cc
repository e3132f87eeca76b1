#include "daemon/check_answer.h"

#include <gtest/gtest.h>

#include "daemon/check_result.h"

namespace sluice::daemon {
namespace {

using Kind = Judgement::Kind;

std::string judged(const HealthCheckConfig& check, std::string_view answer,
                   AnswerEnd end = AnswerEnd::kMayGoOn) {
  const Judgement judgement = judge_answer(check, answer, end);
  switch (judgement.kind) {
    case Kind::kWait:
      return "wait";
    case Kind::kGood:
      return "good";
    case Kind::kBad:
      return judgement.reason;
  }
  return "";
}

HealthCheckConfig expecting(const std::string& bytes) {
  HealthCheckConfig check;
  check.expect = bytes;
  return check;
}

HealthCheckConfig http(std::vector<StatusRange> status = {StatusRange{}}) {
  HealthCheckConfig check;
  check.type = HealthCheckType::kHttp;
  check.status = std::move(status);
  return check;
}

TEST(JudgeExchange, LooksForTheBytesAnywhere) {
  const auto check = expecting("PONG");
  EXPECT_EQ(judged(check, ""), "wait");
  EXPECT_EQ(judged(check, "+PON"), "wait");
  EXPECT_EQ(judged(check, "+PONG\r\n"), "good");
  EXPECT_EQ(judged(check, "banner\n+PONG", AnswerEnd::kReached), "good");
  EXPECT_EQ(judged(check, "-ERR no\r\n", AnswerEnd::kReached),
            "expected \"PONG\", got \"-ERR no\\r\\n\"");
  EXPECT_EQ(judged(check, "", AnswerEnd::kReached), "expected \"PONG\", got nothing");
}

TEST(JudgeExchange, WithoutAnExpectationEverythingIsGood) {
  EXPECT_EQ(judged(expecting(""), ""), "good");
}

TEST(JudgeHttp, GoesByTheStatus) {
  EXPECT_EQ(judged(http(), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), "good");
  EXPECT_EQ(judged(http(), "HTTP/1.1 301 Moved\r\nContent-Length: 0\r\n\r\n"), "good");
  EXPECT_EQ(judged(http(), "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"), "http 503");
  EXPECT_EQ(judged(http({{200, 200}, {404, 404}}), "HTTP/1.0 404 No\r\n\r\n", AnswerEnd::kReached),
            "good");
  EXPECT_EQ(judged(http({{200, 200}, {404, 404}}), "HTTP/1.0 301 No\r\n\r\n", AnswerEnd::kReached),
            "http 301");
}

TEST(JudgeHttp, WaitsForTheWholeResponseHoweverItIsCut) {
  const std::string whole = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(judged(http(), whole.substr(0, size)), "wait") << size;
  }
  EXPECT_EQ(judged(http(), whole), "good");
  const std::string chunked =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
  EXPECT_EQ(judged(http(), chunked.substr(0, chunked.size() - 1)), "wait");
  EXPECT_EQ(judged(http(), chunked), "good");
}

TEST(JudgeHttp, AnEndAfterTheHeadIsEnough) {
  const std::string head = "HTTP/1.1 200 OK\r\n\r\n";
  EXPECT_EQ(judged(http(), head + "some"), "wait");
  EXPECT_EQ(judged(http(), head + "some", AnswerEnd::kReached), "good");
  EXPECT_EQ(judged(http(), head + std::string(kMostAnswer, 'x'), AnswerEnd::kReached), "good");
  EXPECT_EQ(
      judged(http(), "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\nfew", AnswerEnd::kReached),
      "good");
}

TEST(JudgeHttp, InformationalAnswersAreNotTheAnswer) {
  const std::string early = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
  EXPECT_EQ(judged(http(), early), "wait");
  EXPECT_EQ(judged(http(), early + early + "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"),
            "http 500");
}

TEST(JudgeHttp, WhatIsNoHttp) {
  EXPECT_EQ(judged(http(), "SSH-2.0-OpenSSH_9.2\r\n"), "not HTTP: \"SSH-2.0-OpenSSH_9.2\\r\\n\"");
  EXPECT_EQ(judged(http(), "", AnswerEnd::kReached), "closed without an answer");
  EXPECT_EQ(judged(http(), "HTTP/1.1 200 O", AnswerEnd::kReached),
            "HTTP answer is not whole: \"HTTP/1.1 200 O\"");
}

TEST(HttpRequest, AsksForThePathAtTheHost) {
  HealthCheckConfig check = http();
  check.path = "/health?full=1";
  const std::string request = http_request(check, "app.internal");
  EXPECT_TRUE(request.starts_with("GET /health?full=1 HTTP/1.1\r\nHost: app.internal\r\n"));
  EXPECT_TRUE(request.ends_with("Connection: close\r\n\r\n"));
}

TEST(Excerpt, IsReadable) {
  EXPECT_EQ(excerpt("a\tb\"c\\"), "\"a\\tb\\\"c\\\\\"");
  EXPECT_EQ(excerpt(std::string("\0\xff", 2)), "\"\\x00\\xff\"");
  EXPECT_EQ(excerpt(std::string(41, 'x')), '"' + std::string(40, 'x') + "...\"");
}

TEST(CheckFailedBy, TellsOurShortageFromTheServersFailure) {
  EXPECT_EQ(check_failed_by(ECONNREFUSED).text, "connection refused");
  EXPECT_EQ(check_failed_by(ECONNREFUSED).verdict, CheckVerdict::kFailed);
  EXPECT_EQ(check_failed_by(EMFILE).text, "not checked: too many open files");
  EXPECT_EQ(check_failed_by(EMFILE).verdict, CheckVerdict::kNotMade);
}

}  // namespace
}  // namespace sluice::daemon
