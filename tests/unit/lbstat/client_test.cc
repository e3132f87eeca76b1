#include "lbstat/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <thread>

#include "daemon/admin.h"
#include "fake_source.h"
#include "scratch_folder.h"
#include "sys/fd.h"

namespace sluice::lbstat {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

TEST(PercentEncoded, LeavesOnlyWhatIsUnreserved) {
  EXPECT_EQ(percent_encoded("a-b_c.d~9"), "a-b_c.d~9");
  EXPECT_EQ(percent_encoded("a/b&c=d e%"), "a%2Fb%26c%3Dd%20e%25");
  EXPECT_EQ(percent_encoded("\u00fc"), "%C3%BC");
}

/// A real admin interface in a thread of its own.
class ClientTest : public testing::Test {
 protected:
  void SetUp() override {
    AdminConfig config;
    config.socket = path_;
    auto started = daemon::AdminServer::start(io_, source_, config);
    ASSERT_TRUE(started) << started.error().text;
    server_ = *std::move(started);
    thread_ = std::thread([this] { io_.run(); });
  }

  void TearDown() override {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }

  daemon::ScratchFolder folder_;
  std::string path_ = folder_.file("admin.sock");
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> busy_{
      io_.get_executor()};
  daemon::FakeSource source_;
  std::unique_ptr<daemon::AdminServer> server_;
  std::thread thread_;
};

TEST_F(ClientTest, BringsTheAnswer) {
  const auto answer = ask(path_, "GET", "/v1/reasons", 10s);
  ASSERT_TRUE(answer) << answer.error().text;
  EXPECT_EQ(answer->status, 200U);
  EXPECT_THAT(answer->body, HasSubstr("client_closed"));
  EXPECT_FALSE(answer->total);
  EXPECT_EQ(ask(path_, "GET", "/v1/sessions?limit=1", 10s)->total, 3U);
}

TEST_F(ClientTest, ARefusalIsAnAnswer) {
  const auto answer = ask(path_, "GET", "/v1/nothing", 10s);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 404U);
  EXPECT_EQ(answer->body, "{\"error\":\"nothing is at /v1/nothing\"}\n");
}

/// A listening socket whose owner never accepts, or does what a test makes it do.
class SilentTest : public testing::Test {
 protected:
  void SetUp() override {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, path_.c_str());
    ASSERT_EQ(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(fd_.get(), 1), 0);
  }

  /// What the client makes of these bytes and an end.
  Result<Answer> answer_with(const std::string& bytes) {
    std::thread server([this, &bytes] {
      const sys::Fd client(::accept(fd_.get(), nullptr, nullptr));
      std::string request(4096, '\0');
      const auto got = ::recv(client.get(), request.data(), request.size(), 0);
      EXPECT_GT(got, 0);
      EXPECT_EQ(::send(client.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
                static_cast<ssize_t>(bytes.size()));
    });
    auto answer = ask(path_, "GET", "/v1/status", 10s);
    server.join();
    return answer;
  }

  daemon::ScratchFolder folder_;
  std::string path_ = folder_.file("silent.sock");
  sys::Fd fd_{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
};

TEST_F(SilentTest, TheWaitHasALimit) {
  const auto answer = ask(path_, "GET", "/v1/status", 1s);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().text,
            "sluice does not answer at " + path_ + " within 1 s: its log may say why");
  EXPECT_EQ(answer.error().exit_code, ExitCode::kUnavailable);
}

TEST_F(SilentTest, AnAnswerThatStopsHalfwayIsNone) {
  for (const char* bytes :
       {"", "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"}) {
    const auto answer = answer_with(bytes);
    ASSERT_FALSE(answer) << bytes;
    EXPECT_THAT(answer.error().text, HasSubstr("sluice closed the connection"));
  }
}

TEST_F(SilentTest, SoIsWhatIsNoHttp) {
  const auto answer = answer_with("220 mail.example.com ESMTP\r\n\r\n");
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().text, HasSubstr("no answer from " + path_ + ": "));
}

TEST(Client, WithoutASocketThereIsNoAnswer) {
  const auto answer = ask("/nowhere/admin.sock", "GET", "/v1/status", 1s);
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().text, HasSubstr("no answer from /nowhere/admin.sock"));
}

}  // namespace
}  // namespace sluice::lbstat
