#include "sys/udp_socket.h"

#include <gtest/gtest.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <cerrno>

#include "option_of.h"

namespace sluice::sys {
namespace {

Endpoint endpoint(const char* text) {
  return Endpoint::parse(text).value();
}

TEST(UdpSocket, AsksForTheLocalAddressOnWildcardsOnly) {
  const auto any = bind_udp(endpoint("0.0.0.0:0"), PortSharing::kShared);
  const auto one = bind_udp(endpoint("127.0.0.1:0"), PortSharing::kShared);
  const auto any6 = bind_udp(endpoint("[::]:0"), PortSharing::kShared);
  ASSERT_TRUE(any && one && any6);
  EXPECT_EQ(option_of(any->get(), IPPROTO_IP, IP_PKTINFO), 1);
  EXPECT_EQ(option_of(one->get(), IPPROTO_IP, IP_PKTINFO), 0);
  EXPECT_EQ(option_of(any6->get(), IPPROTO_IPV6, IPV6_RECVPKTINFO), 1);
  EXPECT_EQ(option_of(any6->get(), IPPROTO_IPV6, IPV6_V6ONLY), 1);
}

TEST(UdpSocket, SharesAPortOnlyWhenAsked) {
  const auto first = bind_udp(endpoint("127.0.0.1:0"), PortSharing::kShared);
  ASSERT_TRUE(first);
  const Endpoint bound = local_endpoint(first->get());
  EXPECT_TRUE(bind_udp(bound, PortSharing::kShared));
  const auto refused = bind_udp(bound, PortSharing::kExclusive);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text.find(bound.to_string()), std::string::npos);
  EXPECT_NE(refused.error().text.find("taken by another program"), std::string::npos);
}

TEST(UdpSocket, ConnectsFromAPortOfItsOwn) {
  const auto server = bind_udp(endpoint("127.0.0.1:0"), PortSharing::kExclusive);
  ASSERT_TRUE(server);
  const Endpoint address = local_endpoint(server->get());
  const Fd one = connect_udp(address);
  const Fd two = connect_udp(address);
  ASSERT_TRUE(one.is_open() && two.is_open());
  EXPECT_EQ(remote_endpoint(one.get()), address);
  EXPECT_NE(local_endpoint(one.get()).port(), local_endpoint(two.get()).port());
}

TEST(UdpSocket, SaysWhyItCannotConnect) {
  const Fd none = connect_udp(endpoint("255.255.255.255:9"));  // broadcast needs a permission
  EXPECT_FALSE(none.is_open());
  EXPECT_EQ(errno, EACCES);
}

TEST(UdpSocket, CountsWhatTheKernelHadNoRoomFor) {
  const auto server = bind_udp(endpoint("127.0.0.1:0"), PortSharing::kExclusive);
  ASSERT_TRUE(server);
  const int small = 4096;
  ASSERT_EQ(::setsockopt(server->get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
  EXPECT_EQ(datagrams_dropped(server->get()), 0U);
  const Fd client = connect_udp(local_endpoint(server->get()));
  const char bytes[1000] = {};
  for (int count = 0; count < 100; ++count) {
    ASSERT_EQ(::send(client.get(), bytes, sizeof bytes, 0), 1000);
  }
  EXPECT_GT(datagrams_dropped(server->get()), 50U);
}

}  // namespace
}  // namespace sluice::sys
