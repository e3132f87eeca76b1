#include "proxy/datagram_pool.h"

#include <netinet/in.h>
#include <netinet/udp.h>

#include <algorithm>
#include <cstring>

#include "base/assert.h"

namespace sluice::proxy {
namespace {

/// A sockaddr_in6, rounded up so that the control data behind it is aligned.
constexpr std::uint32_t kNameBytes = 32;
constexpr std::uint32_t kGroBytes = CMSG_SPACE(sizeof(int));
constexpr std::uint32_t kPacketInfoBytes = CMSG_SPACE(sizeof(in6_pktinfo));

/// The length of a UDP datagram has 16 bits and includes 8 bytes of header; what UDP_GRO joins
/// stays within that too.
constexpr std::uint32_t kLongestPayload = 65'535 - 8;
static_assert(sizeof(io_uring_recvmsg_out) + kNameBytes + kGroBytes + kPacketInfoBytes +
                  kLongestPayload <=
              DatagramPool::kBufferBytes);

Endpoint destination_in(const in_pktinfo& info) noexcept {
  sockaddr_storage storage{};
  auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
  v4->sin_family = AF_INET;
  v4->sin_addr = info.ipi_spec_dst;  // of a broadcast: our own address, which may answer
  return Endpoint::from_sockaddr(storage);
}

Endpoint destination_in(const in6_pktinfo& info) noexcept {
  sockaddr_storage storage{};
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
  v6->sin6_family = AF_INET6;
  v6->sin6_addr = info.ipi6_addr;
  if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) v6->sin6_scope_id = info.ipi6_ifindex;
  return Endpoint::from_sockaddr(storage);
}

template <typename T>
T data_of(const cmsghdr& header) noexcept {
  T value;
  std::memcpy(&value, CMSG_DATA(&header), sizeof value);
  return value;
}

}  // namespace

Result<DatagramPool> DatagramPool::create(uring::Ring& ring, Source source,
                                          std::uint32_t buffer_bytes) {
  const auto group = static_cast<std::uint16_t>(uring::BufferRing::kGroup + 1 +
                                                (source == Source::kServers ? 1 : 0));
  auto buffers = uring::BufferRing::create(ring.raw(), {kBufferCount, buffer_bytes, group});
  if (!buffers) return tl::unexpected(buffers.error());
  return DatagramPool(std::move(*buffers), source);
}

DatagramPool::DatagramPool(uring::BufferRing ring, Source source)
    : ring_(std::move(ring)), arrived_(ring_.count()) {
  const bool is_connected = source == Source::kServers;
  shape_.msg_namelen = is_connected ? 0 : kNameBytes;
  shape_.msg_controllen = is_connected ? kGroBytes : kGroBytes + kPacketInfoBytes;
  payload_at_ = static_cast<std::uint32_t>(sizeof(io_uring_recvmsg_out) + shape_.msg_namelen +
                                           shape_.msg_controllen);
  taken_.reserve(ring_.count());
  for (std::uint32_t buffer = 0; buffer < ring_.count(); ++buffer) {
    ring_.recycle(static_cast<std::uint16_t>(buffer));
  }
}

void DatagramPool::receive(uring::Ring& ring, uring::Completion& op, int fd) noexcept {
  ring.receive_messages(op, fd, shape_, ring_.group());
}

DatagramPool::Arrival DatagramPool::take(uring::Outcome outcome) noexcept {
  SLUICE_ASSERT(outcome.has_buffer());
  Arrival arrival;
  arrival.buffer = outcome.buffer();
  taken_.push_back(arrival.buffer);
  std::byte* start = ring_.bytes(arrival.buffer).data();
  auto* header = io_uring_recvmsg_validate(start, outcome.result, &shape_);
  SLUICE_ASSERT(header != nullptr);
  arrival.length = io_uring_recvmsg_payload_length(header, outcome.result, &shape_);
  arrival.is_cut = (header->flags & MSG_TRUNC) != 0;
  if (header->namelen > 0 && shape_.msg_namelen > 0) {
    sockaddr_storage name{};
    std::memcpy(&name, io_uring_recvmsg_name(header),
                std::min<std::size_t>(header->namelen, shape_.msg_namelen));
    arrival.from = Endpoint::from_sockaddr(name);
  }
  arrived_[arrival.buffer] = {arrival.length, std::max(1U, arrival.length), DatagramQueue::kNone};
  read_control(io_uring_recvmsg_cmsg_firsthdr(header, &shape_), header->controllen, arrival);
  return arrival;
}

void DatagramPool::read_control(const cmsghdr* first, std::size_t size, Arrival& arrival) noexcept {
  const auto* at = reinterpret_cast<const std::byte*>(first);
  while (at != nullptr && size >= sizeof(cmsghdr)) {
    const auto& header = *reinterpret_cast<const cmsghdr*>(at);
    if (header.cmsg_len < sizeof(cmsghdr)) return;
    if (header.cmsg_level == IPPROTO_UDP && header.cmsg_type == UDP_GRO) {
      const auto segment = static_cast<std::uint32_t>(std::max(1, data_of<int>(header)));
      arrived_[arrival.buffer].segment = std::min(segment, std::max(1U, arrival.length));
      arrival.datagrams = std::max(1U, (arrival.length + segment - 1) / segment);
    } else if (header.cmsg_level == IPPROTO_IP && header.cmsg_type == IP_PKTINFO) {
      arrival.to = destination_in(data_of<in_pktinfo>(header));
    } else if (header.cmsg_level == IPPROTO_IPV6 && header.cmsg_type == IPV6_PKTINFO) {
      arrival.to = destination_in(data_of<in6_pktinfo>(header));
    }
    const std::size_t step = CMSG_ALIGN(header.cmsg_len);
    if (step >= size) return;
    at += step;
    size -= step;
  }
}

void DatagramPool::push(DatagramQueue& queue, std::uint16_t buffer) noexcept {
  if (queue.is_empty()) {
    queue.first = buffer;
  } else {
    arrived_[queue.last].next = buffer;
  }
  queue.last = buffer;
}

std::uint16_t DatagramPool::pop(DatagramQueue& queue) noexcept {
  SLUICE_ASSERT(!queue.is_empty());
  const std::uint16_t buffer = queue.first;
  queue.first = arrived_[buffer].next;
  if (queue.first == DatagramQueue::kNone) queue.last = DatagramQueue::kNone;
  return buffer;
}

void DatagramPool::recycle() noexcept {
  for (const std::uint16_t buffer : taken_) ring_.recycle(buffer);
  taken_.clear();
}

}  // namespace sluice::proxy
