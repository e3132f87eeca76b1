#include "daemon/admin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <vector>

#include "fake_source.h"
#include "raw_client.h"
#include "scratch_folder.h"
#include "stats/encode.h"
#include "sys/socket.h"

namespace sluice::daemon {
namespace {

using testing::HasSubstr;

class AdminServerTest : public testing::Test {
 protected:
  [[nodiscard]] AdminConfig config(const std::string& socket = "admin.sock") const {
    AdminConfig config;
    config.socket = folder_.file(socket);
    return config;
  }

  [[nodiscard]] static ListenAddress listen(const std::string& host, std::uint16_t port) {
    ListenAddress address;
    address.text = host + ':' + std::to_string(port);
    address.host = host;
    address.port = port;
    return address;
  }

  void start(const AdminConfig& config) {
    auto started = AdminServer::start(io_, source_, config);
    ASSERT_TRUE(started) << started.error().text;
    server_ = *std::move(started);
  }

  void rebind(const AdminConfig& config) {
    auto sockets = server_->prepare(config);
    ASSERT_TRUE(sockets) << sockets.error().text;
    server_->apply(*std::move(sockets));
  }

  [[nodiscard]] int health_of(const std::string& path) {
    return RawClient::connect(io_, path).ask("GET", "/healthz").status;
  }

  [[nodiscard]] static bool exists(const std::string& path) {
    return ::access(path.c_str(), F_OK) == 0;
  }

  ScratchFolder folder_;
  boost::asio::io_context io_;
  FakeSource source_;
  std::unique_ptr<AdminServer> server_;
};

TEST_F(AdminServerTest, ServesItsSocketAndRemovesIt) {
  start(config());
  EXPECT_EQ(server_->socket_path(), folder_.file("admin.sock"));
  EXPECT_FALSE(server_->listen_endpoint().is_specified());
  RawClient client = RawClient::connect(io_, server_->socket_path());
  EXPECT_EQ(client.ask("GET", "/v1/status").body, stats::encode(source_.status()) + '\n');
  EXPECT_EQ(client.ask("DELETE", "/v1/sessions/11").body, "{\"killed\":1}\n");
  server_->stop();
  EXPECT_TRUE(client.is_closed_by_server());
  EXPECT_FALSE(exists(folder_.file("admin.sock")));
  server_->stop();
}

TEST_F(AdminServerTest, TheTcpAddressIsReadOnly) {
  AdminConfig wanted = config();
  wanted.listen = listen("127.0.0.1", 0);
  start(wanted);
  ASSERT_NE(server_->listen_endpoint().port(), 0);
  RawClient client = RawClient::connect(io_, server_->listen_endpoint());
  EXPECT_EQ(client.ask("GET", "/v1/sessions").status, 200);
  EXPECT_EQ(client.ask("DELETE", "/v1/sessions/11").status, 403);
  EXPECT_EQ(source_.sessions_.size(), 3U);
}

TEST_F(AdminServerTest, ATakenPortLeavesNothingBehind) {
  const auto taken =
      sys::listen_tcp(*Endpoint::parse("127.0.0.1:0"), sys::PortSharing::kExclusive, 1);
  ASSERT_TRUE(taken);
  AdminConfig wanted = config();
  wanted.listen = listen("127.0.0.1", sys::local_endpoint(taken->get()).port());
  const auto refused = AdminServer::start(io_, source_, wanted);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().text, HasSubstr("admin.listen: "));
  EXPECT_EQ(refused.error().exit_code, ExitCode::kUnavailable);
  EXPECT_FALSE(exists(wanted.socket));
}

TEST_F(AdminServerTest, AReloadThatChangesNothingKeepsTheListeners) {
  AdminConfig wanted = config();
  wanted.listen = listen("127.0.0.1", 0);
  start(wanted);
  const Endpoint before = server_->listen_endpoint();
  RawClient client = RawClient::connect(io_, before);
  EXPECT_EQ(client.ask("GET", "/healthz").status, 200);
  rebind(wanted);
  EXPECT_EQ(server_->listen_endpoint(), before);
  EXPECT_EQ(client.ask("GET", "/healthz").status, 200);
  EXPECT_EQ(health_of(wanted.socket), 200);
}

TEST_F(AdminServerTest, TheSocketMovesAndOpenConnectionsStay) {
  start(config("old.sock"));
  RawClient client = RawClient::connect(io_, folder_.file("old.sock"));
  EXPECT_EQ(client.ask("GET", "/healthz").status, 200);
  rebind(config("new.sock"));
  EXPECT_EQ(client.ask("GET", "/healthz").status, 200);
  EXPECT_EQ(health_of(folder_.file("new.sock")), 200);
  EXPECT_FALSE(exists(folder_.file("old.sock")));
  EXPECT_EQ(server_->socket_path(), folder_.file("new.sock"));
}

TEST_F(AdminServerTest, WhatIsPreparedAndNotAppliedIsUndone) {
  start(config("old.sock"));
  {
    AdminConfig wanted = config("new.sock");
    wanted.listen = listen("127.0.0.1", 0);
    ASSERT_TRUE(server_->prepare(wanted));
  }
  EXPECT_FALSE(exists(folder_.file("new.sock")));
  EXPECT_EQ(health_of(folder_.file("old.sock")), 200);
  EXPECT_FALSE(server_->listen_endpoint().is_specified());
}

TEST_F(AdminServerTest, ARefusedReloadChangesNothing) {
  start(config());
  const auto other = AdminServer::start(io_, source_, config("other.sock"));
  ASSERT_TRUE(other);
  const auto refused = server_->prepare(config("other.sock"));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().text, HasSubstr("another sluice is running there"));
  EXPECT_EQ(health_of(folder_.file("admin.sock")), 200);
  EXPECT_EQ(health_of(folder_.file("other.sock")), 200);
}

/// 127.0.0.1 to every address with the same port: the old listener is in the way of the new one.
TEST_F(AdminServerTest, TheTcpAddressWidensOnItsPort) {
  AdminConfig wanted = config();
  wanted.listen = listen("127.0.0.1", 0);
  start(wanted);
  const Endpoint narrow = server_->listen_endpoint();
  RawClient open = RawClient::connect(io_, narrow);
  EXPECT_EQ(open.ask("GET", "/healthz").status, 200);
  wanted.listen = listen("0.0.0.0", narrow.port());
  rebind(wanted);
  EXPECT_EQ(server_->listen_endpoint().to_string(), "0.0.0.0:" + std::to_string(narrow.port()));
  EXPECT_EQ(RawClient::connect(io_, narrow).ask("GET", "/healthz").status, 200);
  EXPECT_EQ(open.ask("GET", "/healthz").status, 200);
}

TEST_F(AdminServerTest, TheTcpAddressGoes) {
  AdminConfig wanted = config();
  wanted.listen = listen("127.0.0.1", 0);
  start(wanted);
  const Endpoint gone = server_->listen_endpoint();
  wanted.listen.reset();
  rebind(wanted);
  EXPECT_FALSE(server_->listen_endpoint().is_specified());
  const sys::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_NE(::connect(fd.get(), gone.data(), gone.size()), 0);
  EXPECT_EQ(health_of(wanted.socket), 200);
}

TEST_F(AdminServerTest, ARemovedSocketFileComesBackWithAReload) {
  start(config());
  ASSERT_EQ(::unlink(folder_.file("admin.sock").c_str()), 0);
  rebind(config());
  EXPECT_EQ(health_of(folder_.file("admin.sock")), 200);
}

/// Accepting pauses while there are no descriptors, and goes on by itself.
TEST_F(AdminServerTest, RecoversFromAWantOfDescriptors) {
  start(config());
  RawClient client = RawClient::connect(io_, folder_.file("admin.sock"));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  std::vector<sys::Fd> hoard;
  rlimit tight = before;
  tight.rlim_cur = 256;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
  while (hoard.empty() || hoard.back().is_open()) hoard.emplace_back(::dup(STDERR_FILENO));
  client.send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
  std::size_t turns = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(250);
  while (std::chrono::steady_clock::now() < end) {
    io_.restart();
    turns += io_.run_one_for(std::chrono::milliseconds(10));
  }
  EXPECT_LT(turns, 30U) << "spins";
  hoard.clear();
  EXPECT_EQ(client.read_reply().status, 200);
  ::setrlimit(RLIMIT_NOFILE, &before);
}

TEST_F(AdminServerTest, MayBeDestroyedWhileTheIoContextStillHasItsHandlers) {
  start(config());
  RawClient client = RawClient::connect(io_, folder_.file("admin.sock"));
  client.send("GET /heal");
  io_.restart();
  io_.poll();
  server_.reset();
  EXPECT_TRUE(client.is_closed_by_server());
}

}  // namespace
}  // namespace sluice::daemon
