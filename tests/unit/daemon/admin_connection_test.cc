#include "daemon/admin_connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "fake_source.h"
#include "raw_client.h"
#include "stats/encode.h"

namespace sluice::daemon {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class AdminConnectionTest : public testing::Test {
 protected:
  /// Starts with other limits than the default ones.
  void limit(const AdminLimits& limits) {
    connections_ = std::make_unique<AdminConnections>(source_, limits);
  }

  RawClient connect(AdminAccess access = AdminAccess::kFull) {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    AdminStream::socket socket(io_, AdminStream(AF_UNIX, 0), ends[0]);
    connections_->add(std::move(socket), access);
    return {io_, sys::Fd(ends[1])};
  }

  boost::asio::io_context io_;
  FakeSource source_;
  std::unique_ptr<AdminConnections> connections_ =
      std::make_unique<AdminConnections>(source_, AdminLimits{});
};

TEST_F(AdminConnectionTest, AnswersAndKeepsTheConnection) {
  RawClient client = connect();
  for (int round = 0; round < 3; ++round) {
    const Reply reply = client.ask("GET", "/v1/reasons");
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.body, stats::encode(source_.reasons()) + '\n');
    EXPECT_THAT(reply.head, HasSubstr("\r\ncontent-type: application/json\r\n"));
    EXPECT_THAT(reply.head, HasSubstr("\r\ncache-control: no-store\r\n"));
  }
  EXPECT_THAT(client.ask("GET", "/v1/sessions?limit=1").head,
              HasSubstr("\r\nsluice-total-sessions: 3\r\n"));
}

TEST_F(AdminConnectionTest, RequestsSentAheadAreAnsweredInOrder) {
  RawClient client = connect();
  client.send(
      "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
      "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n"
      "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(client.read_reply().status, 200);
  EXPECT_EQ(client.read_reply().status, 404);
  EXPECT_EQ(client.read_reply().status, 200);
  EXPECT_TRUE(client.is_closed_by_server());
}

TEST_F(AdminConnectionTest, ARequestMayComeByteByByte) {
  RawClient client = connect();
  for (const char byte : std::string("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")) {
    client.send({&byte, 1});
    io_.restart();
    io_.poll();
  }
  EXPECT_EQ(client.read_reply().body, "ok\n");
}

TEST_F(AdminConnectionTest, Http10EndsTheConnection) {
  RawClient client = connect();
  client.send("GET /healthz HTTP/1.0\r\n\r\n");
  EXPECT_EQ(client.read_reply().status, 200);
  EXPECT_TRUE(client.is_closed_by_server());
}

TEST_F(AdminConnectionTest, HeadHasALengthAndNoBody) {
  RawClient client = connect();
  const Reply head = client.ask("HEAD", "/healthz");
  EXPECT_EQ(head.status, 200);
  EXPECT_THAT(head.head, HasSubstr("\r\ncontent-length: 3\r\n"));
  EXPECT_EQ(client.ask("GET", "/healthz").body, "ok\n") << "a body after HEAD would show here";
}

TEST_F(AdminConnectionTest, BodiesAreReadAndIgnored) {
  RawClient client = connect();
  client.send("POST /v1/reload HTTP/1.1\r\nHost: a\r\nContent-Length: 65536\r\n\r\n");
  client.send(std::string(65536, 'x'));
  EXPECT_EQ(client.read_reply().status, 200);
  client.send(
      "POST /v1/reload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n0\r\n\r\n");
  EXPECT_EQ(client.read_reply().status, 200);
}

struct Malformed {
  std::string bytes;
  int status;
  const char* error;
};

class AdminMalformed : public AdminConnectionTest, public testing::WithParamInterface<Malformed> {};

TEST_P(AdminMalformed, IsAnsweredAndEndsTheConnection) {
  RawClient client = connect();
  client.send(GetParam().bytes);
  const Reply reply = client.read_reply();
  EXPECT_EQ(reply.status, GetParam().status);
  EXPECT_THAT(reply.body, HasSubstr(GetParam().error));
  EXPECT_THAT(reply.head, HasSubstr("\r\nconnection: close\r\n"));
  EXPECT_TRUE(client.is_closed_by_server());
}

const std::string kLargeField = "X: " + std::string(9000, 'x') + "\r\n";

INSTANTIATE_TEST_SUITE_P(
    All, AdminMalformed,
    testing::Values(
        Malformed{"\x16\x03\x01\x02\x00\x01\x00 hello TLS\r\n\r\n", 400, "malformed request"},
        Malformed{"GET\r\n\r\n", 400, "malformed request"},
        Malformed{"GET /healthz\r\n\r\n", 400, "malformed request"},
        Malformed{"GET /healthz HTTP/9.9\r\n\r\n", 400, "malformed request"},
        Malformed{"GET /healthz HTTP/1.1\r\nHo st: x\r\n\r\n", 400, "malformed request"},
        Malformed{"POST /v1/reload HTTP/1.1\r\nContent-Length: ten\r\n\r\n", 400, "malformed"},
        Malformed{"POST /v1/reload HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400,
                  "malformed"},
        Malformed{"POST /v1/reload HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400,
                  "malformed"},
        Malformed{"GET /healthz HTTP/1.1\r\n" + kLargeField + "\r\n", 431, "larger than 8 KiB"},
        Malformed{"GET /" + std::string(20000, 'x'), 431, "larger than 8 KiB"},
        Malformed{"POST /v1/reload HTTP/1.1\r\nContent-Length: 65537\r\n\r\n", 413,
                  "larger than 64 KiB"},
        Malformed{"POST /v1/reload HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n10001\r\n" +
                      std::string(65537, 'x') + "\r\n0\r\n\r\n",
                  413, "larger than 64 KiB"}));

/// The rest of what is too large is read for a moment, so that the client gets the answer instead
/// of a reset.
TEST_F(AdminConnectionTest, AnAnswerSurvivesUnreadBytes) {
  RawClient client = connect();
  client.send("POST /v1/reload HTTP/1.1\r\nContent-Length: 400000\r\n\r\n");
  client.send(std::string(400000, 'x'));
  EXPECT_EQ(client.read_reply().status, 413);
  client.shutdown_sending();
  EXPECT_TRUE(client.is_closed_by_server());
}

TEST_F(AdminConnectionTest, AClientThatStallsInARequestIsDropped) {
  AdminLimits limits;
  limits.request = 50ms;
  limit(limits);
  RawClient client = connect();
  client.send("GET /healthz HT");
  EXPECT_TRUE(client.is_closed_by_server());
}

TEST_F(AdminConnectionTest, SoIsOneThatTricklesFields) {
  AdminLimits limits;
  limits.request = 50ms;
  limit(limits);
  RawClient client = connect();
  client.send("GET /healthz HTTP/1.1\r\n");
  const auto started = std::chrono::steady_clock::now();
  int sent = 0;
  // Each field is read as it comes: a limit per read would never end this.
  while (std::chrono::steady_clock::now() - started < 60ms) {
    client.send("X: y\r\n");
    ++sent;
    io_.restart();
    io_.run_for(5ms);
  }
  EXPECT_GT(sent, 3);
  EXPECT_TRUE(client.is_closed_by_server());
}

TEST_F(AdminConnectionTest, AnIdleClientIsDropped) {
  AdminLimits limits;
  limits.idle = 50ms;
  limit(limits);
  RawClient silent = connect();
  RawClient asked = connect();
  EXPECT_EQ(asked.ask("GET", "/healthz").status, 200);
  EXPECT_TRUE(silent.is_closed_by_server());
  EXPECT_TRUE(asked.is_closed_by_server());
}

TEST_F(AdminConnectionTest, AClientThatDoesNotTakeItsAnswerIsDropped) {
  AdminLimits limits;
  limits.write = 50ms;
  limits.connections = 1;
  limit(limits);
  source_.sessions_.resize(4'000, source_.sessions_.front());
  RawClient client = connect();
  client.send("GET /v1/sessions?limit=100000 HTTP/1.1\r\nHost: a\r\n\r\n");
  // Nobody reads, so the only place there is becomes free once the time is over.
  EXPECT_TRUE(run_until(io_, [&] { return connect().ask("GET", "/healthz").status == 200; }));
}

TEST_F(AdminConnectionTest, LargeAnswersArriveWhole) {
  source_.sessions_.resize(4'000, source_.sessions_.front());
  RawClient client = connect();
  const Reply reply = client.ask("GET", "/v1/sessions?limit=100000");
  EXPECT_EQ(reply.body, stats::encode(source_.sessions_) + '\n');
  EXPECT_EQ(client.ask("GET", "/healthz").status, 200);
}

TEST_F(AdminConnectionTest, AnAnswerThatTakesTooLongIs504) {
  AdminLimits limits;
  limits.answer = 50ms;
  limit(limits);
  source_.hold_ = true;
  RawClient client = connect();
  EXPECT_EQ(client.ask("POST", "/v1/reload").status, 504);
  source_.release();  // too late, and not taken for the answer to the next request
  EXPECT_EQ(client.ask("GET", "/healthz").body, "ok\n");
}

TEST_F(AdminConnectionTest, AClientMayLeaveBeforeItsAnswer) {
  source_.hold_ = true;
  {
    RawClient client = connect();
    client.send("POST /v1/reload HTTP/1.1\r\nHost: a\r\n\r\n");
    ASSERT_TRUE(run_until(io_, [&] { return !source_.held_.empty(); }));
  }
  source_.release();
  EXPECT_EQ(connect().ask("GET", "/healthz").status, 200);
}

TEST_F(AdminConnectionTest, TheServerMayGoBeforeAnAnswer) {
  source_.hold_ = true;
  RawClient client = connect();
  client.send("POST /v1/reload HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(run_until(io_, [&] { return !source_.held_.empty(); }));
  connections_.reset();
  source_.release();
  EXPECT_TRUE(client.is_closed_by_server());
}

TEST_F(AdminConnectionTest, PastTheLimitIs503) {
  std::deque<RawClient> clients;
  for (int count = 0; count < 64; ++count) clients.push_back(connect());
  for (RawClient& client : clients) EXPECT_EQ(client.ask("GET", "/healthz").status, 200);
  RawClient refused = connect();
  const Reply reply = refused.ask("GET", "/healthz");
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.body, "{\"error\":\"too many connections: try again\"}\n");
  EXPECT_TRUE(refused.is_closed_by_server());
  clients.pop_front();
  EXPECT_TRUE(run_until(io_, [&] { return connect().ask("GET", "/healthz").status == 200; }));
}

TEST_F(AdminConnectionTest, FarPastTheLimitIsClosed) {
  AdminLimits limits;
  limits.connections = 2;
  limits.refusals = 3;
  limit(limits);
  std::deque<RawClient> clients;
  for (int count = 0; count < 6; ++count) clients.push_back(connect());
  EXPECT_TRUE(clients[5].is_closed_by_server());
  EXPECT_EQ(clients[4].ask("GET", "/healthz").status, 503);
  EXPECT_EQ(clients[1].ask("GET", "/healthz").status, 200);
}

TEST_F(AdminConnectionTest, TheNetworkCannotLockTheSocketOut) {
  std::deque<RawClient> clients;
  for (int count = 0; count < 32; ++count) clients.push_back(connect(AdminAccess::kReadOnly));
  EXPECT_EQ(connect(AdminAccess::kReadOnly).ask("GET", "/healthz").status, 503);
  EXPECT_EQ(connect(AdminAccess::kFull).ask("GET", "/healthz").status, 200);
  clients.pop_back();
  EXPECT_TRUE(run_until(
      io_, [&] { return connect(AdminAccess::kReadOnly).ask("GET", "/healthz").status == 200; }));
}

TEST_F(AdminConnectionTest, ReadOnlyAccessIsHandedOn) {
  RawClient client = connect(AdminAccess::kReadOnly);
  EXPECT_EQ(client.ask("POST", "/v1/reload").status, 403);
  EXPECT_EQ(client.ask("GET", "/v1/status").status, 200);
}

}  // namespace
}  // namespace sluice::daemon
