#include "proxy/datagram_run.h"

#include <netinet/in.h>
#include <netinet/udp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/assert.h"

namespace sluice::proxy {
namespace {

/// Writes control messages one behind the other.
class ControlWriter {
 public:
  explicit ControlWriter(msghdr& message, std::span<std::byte> space) noexcept
      : message_(message), space_(space) {
    std::memset(space_.data(), 0, space_.size());
    message_.msg_control = nullptr;
    message_.msg_controllen = 0;
  }

  template <typename T>
  void add(int level, int type, const T& value) noexcept {
    SLUICE_ASSERT(message_.msg_controllen + CMSG_SPACE(sizeof value) <= space_.size());
    auto* header = reinterpret_cast<cmsghdr*>(space_.data() + message_.msg_controllen);
    header->cmsg_level = level;
    header->cmsg_type = type;
    header->cmsg_len = CMSG_LEN(sizeof value);
    std::memcpy(CMSG_DATA(header), &value, sizeof value);
    message_.msg_control = space_.data();
    message_.msg_controllen += CMSG_SPACE(sizeof value);
  }

 private:
  msghdr& message_;
  std::span<std::byte> space_;
};

void add_source(ControlWriter& control, const Endpoint& from) noexcept {
  if (from.family() == AF_INET) {
    in_pktinfo info{};
    info.ipi_spec_dst = reinterpret_cast<const sockaddr_in*>(from.data())->sin_addr;
    control.add(IPPROTO_IP, IP_PKTINFO, info);
  } else if (from.family() == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(from.data());
    in6_pktinfo info{};
    info.ipi6_addr = v6->sin6_addr;
    info.ipi6_ifindex = v6->sin6_scope_id;
    control.add(IPPROTO_IPV6, IPV6_PKTINFO, info);
  }
}

}  // namespace

bool RunShape::admits(std::uint32_t length, std::uint32_t segment) const noexcept {
  if (pieces_ == 0) return true;
  if (is_full_ || pieces_ == kMostPieces || length == 0 || segment > segment_) return false;
  const std::uint32_t datagrams = (length + segment - 1) / segment;
  if (segment < segment_ && datagrams > 1) return false;
  return datagrams_ + datagrams <= kMostDatagrams && bytes_ + length <= kMostBytes;
}

bool RunShape::join(std::uint32_t length, std::uint32_t segment) noexcept {
  SLUICE_ASSERT(segment > 0);
  if (!admits(length, segment)) return false;
  if (pieces_ == 0) segment_ = segment;
  ++pieces_;
  bytes_ += length;
  datagrams_ += std::max(1U, (length + segment - 1) / segment);
  is_full_ = length == 0 || bytes_ % segment_ != 0;
  return true;
}

void DatagramRun::gather(const DatagramPool& pool, DatagramQueue& queue, Joining joining) noexcept {
  SLUICE_ASSERT(!queue.is_empty());
  shape_ = {};
  has_prefix_ = false;
  while (queue.first != DatagramQueue::kNone) {
    const std::uint16_t buffer = queue.first;
    const std::span<const std::byte> bytes = pool.bytes(buffer);
    if (!shape_.join(static_cast<std::uint32_t>(bytes.size()), pool.segment(buffer))) break;
    // iovec has no const; sendmsg(2) only reads.
    pieces_[shape_.pieces()] = {const_cast<std::byte*>(bytes.data()), bytes.size()};
    queue.first = pool.next(buffer);
    if (joining == Joining::kRefused) break;
  }
  if (queue.first == DatagramQueue::kNone) queue.last = DatagramQueue::kNone;
}

void DatagramRun::set(std::span<const std::byte> bytes) noexcept {
  shape_ = {};
  has_prefix_ = false;
  const auto length = static_cast<std::uint32_t>(bytes.size());
  static_cast<void>(shape_.join(length, std::max(1U, length)));
  pieces_[1] = {const_cast<std::byte*>(bytes.data()), bytes.size()};
}

void DatagramRun::put_before(std::span<const std::byte> bytes) noexcept {
  SLUICE_ASSERT(bytes.empty() || shape_.datagrams() == 1);
  pieces_[0] = {const_cast<std::byte*>(bytes.data()), bytes.size()};
  has_prefix_ = !bytes.empty();
}

msghdr& DatagramRun::prepare(RunEnds ends) noexcept {
  message_.msg_name = nullptr;
  message_.msg_namelen = 0;
  if (ends.to.is_specified()) {
    message_.msg_name = const_cast<sockaddr*>(ends.to.data());
    message_.msg_namelen = ends.to.size();
  }
  message_.msg_iov = has_prefix_ ? pieces_.data() : pieces_.data() + 1;
  message_.msg_iovlen = shape_.pieces() + (has_prefix_ ? 1U : 0U);
  ControlWriter control(message_, control_);
  add_source(control, ends.from);
  if (is_joined()) {
    control.add(IPPROTO_UDP, UDP_SEGMENT, static_cast<std::uint16_t>(shape_.segment()));
  }
  return message_;
}

SendFault classify_send(int error) noexcept {
  switch (error) {
    case 0:
      return SendFault::kNone;
    case ECONNREFUSED:
      return SendFault::kRefused;
    case EMSGSIZE:
      return SendFault::kTooLong;
    case EAGAIN:
    case ENOBUFS:
    case ENOMEM:
      return SendFault::kNoRoom;
    default:
      return SendFault::kUnreachable;
  }
}

bool is_joining_refused(int error) noexcept {
  // EINVAL: a datagram with its headers exceeds the MTU; EIO: no checksum offload on the way;
  // EMSGSIZE: the same as EINVAL on some kernels.
  return error == EINVAL || error == EIO || error == EMSGSIZE;
}

}  // namespace sluice::proxy
