#include "proxy/http_answer.h"

#include <gtest/gtest.h>

namespace sluice::proxy {
namespace {

TEST(HttpAnswer, SaysWhoseFaultItWas) {
  EXPECT_EQ(status_for({CloseReason::kConnectFailed, Side::kServer}), 502);
  EXPECT_EQ(status_for({CloseReason::kResponseInvalid, Side::kServer}), 502);
  EXPECT_EQ(status_for({CloseReason::kNoServer, Side::kUs}), 503);
  EXPECT_EQ(status_for({CloseReason::kQueueFull, Side::kUs}), 503);
  EXPECT_EQ(status_for({CloseReason::kConnectTimeout, Side::kServer}), 504);
  EXPECT_EQ(status_for({CloseReason::kHandshakeTimeout, Side::kServer}), 504);
  EXPECT_EQ(status_for({CloseReason::kHandshakeTimeout, Side::kClient}), 0);
  EXPECT_EQ(status_for({CloseReason::kClientReset, Side::kClient}), 0);
  EXPECT_EQ(status_for({CloseReason::kDenied, Side::kUs}), 0);
}

TEST(HttpAnswer, IsAWholeOne) {
  EXPECT_EQ(make_answer(400, "no Host", AnswerBody::kSent),
            "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nCache-Control: no-store\r\n"
            "Connection: close\r\nContent-Length: 25\r\n\r\n400 Bad Request: no Host\n");
  EXPECT_TRUE(make_answer(503, "", AnswerBody::kLeftOut).ends_with("Content-Length: 24\r\n\r\n"));
}

}  // namespace
}  // namespace sluice::proxy
