#include "sys/socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <string>

#include "option_of.h"

namespace sluice::sys {
namespace {

const Endpoint kAnyPort = *Endpoint::parse("127.0.0.1:0");

bool wait_for(int fd, short events) {
  pollfd wanted{fd, events, 0};
  return ::poll(&wanted, 1, 20'000) == 1;
}

/// A connection through a listener of ours; `client` and `server` are its ends.
struct Connection {
  Connection() : listener(*listen_tcp(kAnyPort, PortSharing::kExclusive, 8)) {
    const Endpoint address = local_endpoint(listener.get());
    client = make_tcp_socket(AF_INET);
    static_cast<void>(::connect(client.get(), address.data(), address.size()));
    EXPECT_TRUE(wait_for(listener.get(), POLLIN));
    server.reset(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    EXPECT_TRUE(wait_for(client.get(), POLLOUT));
  }
  Fd listener;
  Fd client;
  Fd server;
};

TEST(ListenTcp, MakesANonBlockingListenerWhoseSocketsSendAtOnce) {
  const Connection connection;
  EXPECT_NE(::fcntl(connection.listener.get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(::fcntl(connection.listener.get(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_EQ(option_of(connection.server.get(), IPPROTO_TCP, TCP_NODELAY), 1) << "inherited";
}

TEST(ListenTcp, GivesAPortForPort0) {
  const auto listener = listen_tcp(kAnyPort, PortSharing::kExclusive, 8);
  ASSERT_TRUE(listener.has_value());
  EXPECT_NE(local_endpoint(listener->get()).port(), 0);
}

TEST(ListenTcp, SaysThatAnAddressIsTaken) {
  const auto first = listen_tcp(kAnyPort, PortSharing::kExclusive, 8);
  const Endpoint address = local_endpoint(first->get());
  for (const auto sharing : {PortSharing::kExclusive, PortSharing::kShared}) {
    const auto second = listen_tcp(address, sharing, 8);
    ASSERT_FALSE(second.has_value());
    EXPECT_EQ(second.error().text,
              "cannot listen on " + address.to_string() +
                  ": the address is taken by another program: stop it or choose another port");
    EXPECT_EQ(second.error().exit_code, ExitCode::kUnavailable);
  }
}

TEST(ListenTcp, SharesAnAddressWithItsOwnKind) {
  const auto first = listen_tcp(kAnyPort, PortSharing::kShared, 8);
  const auto second = listen_tcp(local_endpoint(first->get()), PortSharing::kShared, 8);
  EXPECT_TRUE(second.has_value());
}

TEST(ListenTcp, SaysThatAnAddressIsNotOurs) {
  const auto listener = listen_tcp(*Endpoint::parse("192.0.2.1:0"), PortSharing::kExclusive, 8);
  ASSERT_FALSE(listener.has_value());
  EXPECT_NE(listener.error().text.find("this machine does not have the address"),
            std::string::npos);
}

TEST(ListenTcp, AnIpv6ListenerLeavesIpv4Alone) {
  const auto v6 = listen_tcp(*Endpoint::parse("[::]:0"), PortSharing::kExclusive, 8);
  if (!v6) GTEST_SKIP() << v6.error().text;
  const auto port = local_endpoint(v6->get()).port();
  const auto v4 = listen_tcp(Endpoint::parse("*:0")->with_port(port), PortSharing::kExclusive, 8);
  EXPECT_TRUE(v4.has_value()) << v4.error().text;
}

TEST(MakeTcpSocket, IsNonBlocking) {
  const Fd fd = make_tcp_socket(AF_INET);
  ASSERT_TRUE(fd.is_open());
  EXPECT_NE(::fcntl(fd.get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST(SetNoDelay, TurnsNaglesAlgorithmOff) {
  const Fd fd = make_tcp_socket(AF_INET);
  EXPECT_EQ(option_of(fd.get(), IPPROTO_TCP, TCP_NODELAY), 0);
  set_no_delay(fd.get());
  EXPECT_EQ(option_of(fd.get(), IPPROTO_TCP, TCP_NODELAY), 1);
}

TEST(MakeTcpSocket, IsNotOpenForAFamilyThatDoesNotExist) {
  errno = 0;
  EXPECT_FALSE(make_tcp_socket(12345).is_open());
  EXPECT_NE(errno, 0);
}

TEST(SetKeepalive, SetsTheTimes) {
  const Fd fd = make_tcp_socket(AF_INET);
  set_keepalive(fd.get(), Keepalive::kOn);
  EXPECT_EQ(option_of(fd.get(), SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(option_of(fd.get(), IPPROTO_TCP, TCP_KEEPIDLE), 60);
  EXPECT_EQ(option_of(fd.get(), IPPROTO_TCP, TCP_KEEPINTVL), 10);
  EXPECT_EQ(option_of(fd.get(), IPPROTO_TCP, TCP_KEEPCNT), 6);
  set_keepalive(fd.get(), Keepalive::kOff);
  EXPECT_EQ(option_of(fd.get(), SOL_SOCKET, SO_KEEPALIVE), 0);
}

TEST(ResetOnClose, MakesTheOtherEndSeeAReset) {
  Connection connection;
  reset_on_close(connection.server.get());
  connection.server.reset();
  ASSERT_TRUE(wait_for(connection.client.get(), POLLIN));
  char byte = 0;
  EXPECT_LT(::recv(connection.client.get(), &byte, 1, 0), 0);
  EXPECT_EQ(errno, ECONNRESET);
}

TEST(UnacknowledgedBytes, CountsWhatTheOtherEndHasNotTaken) {
  const Connection connection;
  EXPECT_EQ(unacknowledged_bytes(connection.client.get()), 0);
  // Nobody reads: what both sockets hold stays, and the rest of it is not acknowledged.
  const std::array<char, 65536> part{};
  while (::send(connection.client.get(), part.data(), part.size(), MSG_NOSIGNAL) > 0) {
  }
  EXPECT_GT(unacknowledged_bytes(connection.client.get()), 0);
  EXPECT_EQ(unacknowledged_bytes(-1), 0);
}

TEST(Shortage, IsOursAndPortsAreTheirOwnMatter) {
  for (const int error : {EMFILE, ENFILE, ENOBUFS, ENOMEM}) {
    EXPECT_TRUE(is_shortage(error)) << error;
    EXPECT_FALSE(is_out_of_ports(error)) << error;
  }
  for (const int error : {EADDRNOTAVAIL, EAGAIN}) {
    EXPECT_TRUE(is_out_of_ports(error)) << error;
    EXPECT_FALSE(is_shortage(error)) << error;
  }
  EXPECT_FALSE(is_shortage(ECONNREFUSED) || is_out_of_ports(ECONNREFUSED));
}

TEST(Endpoints, NameBothEnds) {
  const Connection connection;
  const Endpoint client = local_endpoint(connection.client.get());
  EXPECT_EQ(remote_endpoint(connection.server.get()), client);
  EXPECT_EQ(remote_endpoint(connection.client.get()), local_endpoint(connection.listener.get()));
  EXPECT_FALSE(remote_endpoint(connection.listener.get()).is_specified());
  EXPECT_FALSE(remote_endpoint(-1).is_specified());
  EXPECT_FALSE(local_endpoint(-1).is_specified());
}

}  // namespace
}  // namespace sluice::sys
