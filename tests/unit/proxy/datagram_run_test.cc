#include "proxy/datagram_run.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <vector>

namespace sluice::proxy {
namespace {

TEST(RunShape, TakesAnyDatagramFirst) {
  for (const std::uint32_t length : {0U, 1U, 1400U, 65'507U}) {
    RunShape shape;
    EXPECT_TRUE(shape.join(length, std::max(1U, length)));
    EXPECT_EQ(shape.datagrams(), 1U);
    EXPECT_EQ(shape.bytes(), length);
  }
}

TEST(RunShape, JoinsDatagramsOfOneLengthAndAShorterLastOne) {
  RunShape shape;
  EXPECT_TRUE(shape.join(1200, 1200));
  EXPECT_TRUE(shape.join(1200, 1200));
  EXPECT_FALSE(shape.join(1201, 1201)) << "a longer one cannot follow";
  EXPECT_TRUE(shape.join(7, 7));
  EXPECT_FALSE(shape.join(7, 7)) << "nothing follows the shorter one";
  EXPECT_FALSE(shape.join(1200, 1200));
  EXPECT_EQ(shape.segment(), 1200U);
  EXPECT_EQ(shape.datagrams(), 3U);
  EXPECT_EQ(shape.pieces(), 3U);
  EXPECT_EQ(shape.bytes(), 2407U);
}

TEST(RunShape, AnEmptyDatagramStaysAlone) {
  RunShape first;
  EXPECT_TRUE(first.join(0, 1));
  EXPECT_FALSE(first.join(1, 1));
  RunShape later;
  EXPECT_TRUE(later.join(1, 1));
  EXPECT_FALSE(later.join(0, 1));
}

TEST(RunShape, ContinuesWhatTheKernelHasJoined) {
  RunShape shape;
  EXPECT_TRUE(shape.join(10 * 1200, 1200));
  EXPECT_EQ(shape.datagrams(), 10U);
  EXPECT_TRUE(shape.join(3 * 1200 + 5, 1200));
  EXPECT_EQ(shape.datagrams(), 14U);
  EXPECT_FALSE(shape.join(1200, 1200)) << "the last datagram of the piece was shorter";
}

TEST(RunShape, ShorterDatagramsThatAreJoinedCannotEndARun) {
  RunShape shape;
  EXPECT_TRUE(shape.join(1200, 1200));
  EXPECT_FALSE(shape.join(200, 100)) << "two of 100 are not one of 200";
  EXPECT_TRUE(shape.join(100, 100));
}

TEST(RunShape, StaysWithinWhatTheKernelTakes) {
  RunShape many;
  for (std::uint32_t count = 0; count < RunShape::kMostDatagrams; ++count) {
    EXPECT_TRUE(many.join(10, 10));
  }
  EXPECT_FALSE(many.join(10, 10));
  RunShape large;
  std::uint32_t joined = 0;
  while (large.join(9000, 9000)) ++joined;
  EXPECT_EQ(joined, 7U);
  EXPECT_LE(large.bytes(), RunShape::kMostBytes);
}

TEST(DatagramRun, OneDatagramNeedsNoControlData) {
  const std::vector<std::byte> bytes(10, std::byte{1});
  DatagramRun run;
  run.set(bytes);
  const Endpoint nobody;
  const msghdr& message = run.prepare({nobody, nobody});
  EXPECT_EQ(message.msg_name, nullptr);
  EXPECT_EQ(message.msg_controllen, 0U);
  ASSERT_EQ(message.msg_iovlen, 1U);
  EXPECT_EQ(message.msg_iov[0].iov_len, 10U);
}

TEST(DatagramRun, NamesBothEndsWhereTheyAreGiven) {
  const std::vector<std::byte> bytes(10, std::byte{1});
  for (const char* text : {"127.0.0.2:0", "[::1]:0"}) {
    DatagramRun run;
    run.set(bytes);
    const Endpoint from = Endpoint::parse(text).value();
    const Endpoint to = from.with_port(53);
    msghdr& message = run.prepare({to, from});
    EXPECT_EQ(message.msg_namelen, to.size());
    const cmsghdr* control = CMSG_FIRSTHDR(&message);
    ASSERT_NE(control, nullptr);
    EXPECT_EQ(control->cmsg_level, to.family() == AF_INET ? IPPROTO_IP : IPPROTO_IPV6);
    EXPECT_EQ(CMSG_NXTHDR(&message, const_cast<cmsghdr*>(control)), nullptr);
  }
}

TEST(DatagramRun, PutsBytesBeforeTheDatagram) {
  const std::vector<std::byte> header(16, std::byte{2});
  const std::vector<std::byte> bytes(10, std::byte{1});
  DatagramRun run;
  run.set(bytes);
  run.put_before(header);
  const Endpoint nobody;
  const msghdr& message = run.prepare({nobody, nobody});
  ASSERT_EQ(message.msg_iovlen, 2U);
  EXPECT_EQ(message.msg_iov[0].iov_base, header.data());
  EXPECT_EQ(message.msg_iov[1].iov_base, bytes.data());
}

TEST(SendFault, SaysWhatIsToBeDone) {
  EXPECT_EQ(classify_send(0), SendFault::kNone);
  EXPECT_EQ(classify_send(ECONNREFUSED), SendFault::kRefused);
  EXPECT_EQ(classify_send(EMSGSIZE), SendFault::kTooLong);
  EXPECT_EQ(classify_send(EAGAIN), SendFault::kNoRoom);
  EXPECT_EQ(classify_send(ENETUNREACH), SendFault::kUnreachable);
  EXPECT_EQ(classify_send(EPERM), SendFault::kUnreachable);
}

}  // namespace
}  // namespace sluice::proxy
