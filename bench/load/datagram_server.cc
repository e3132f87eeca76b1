#include "datagram_server.h"

#include <algorithm>
#include <cstring>

namespace sluice::bench {

DatagramServer::DatagramServer(const BackendOptions& options, BackendTotals& totals, Fd socket)
    : totals_(totals),
      socket_(std::move(socket)),
      answer_(make_datagram(options.response_bytes)),
      space_(kMostAtOnce * kMostDatagramBytes) {
  for (std::size_t n = 0; n < kMostAtOnce; ++n) {
    received_pieces_[n] = {space_.data() + n * kMostDatagramBytes, kMostDatagramBytes};
    received_[n].msg_hdr.msg_name = &clients_[n];
    received_[n].msg_hdr.msg_iov = &received_pieces_[n];
    received_[n].msg_hdr.msg_iovlen = 1;
  }
}

void DatagramServer::on_events(std::uint32_t) {
  const std::size_t received = receive();
  const std::size_t count = prepare_answers(received);
  for (std::size_t done = 0; done < count;) {
    const int sent =
        sendmmsg(socket_.get(), &answers_[done], static_cast<unsigned>(count - done), MSG_NOSIGNAL);
    if (sent <= 0) {
      ++totals_.resets;
      ++done;
      continue;
    }
    done += static_cast<std::size_t>(sent);
    totals_.bytes_sent += static_cast<std::uint64_t>(sent) * answer_.size();
  }
}

std::size_t DatagramServer::receive() {
  for (mmsghdr& message : received_) message.msg_hdr.msg_namelen = sizeof(sockaddr_storage);
  const int count = recvmmsg(socket_.get(), received_.data(), kMostAtOnce, 0, nullptr);
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

std::size_t DatagramServer::prepare_answers(std::size_t received) {
  std::size_t count = 0;
  for (std::size_t n = 0; n < received; ++n) {
    totals_.bytes_received += received_[n].msg_len;
    DatagramHead head;
    if (received_[n].msg_len < sizeof head) continue;
    std::memcpy(&head, received_pieces_[n].iov_base, sizeof head);
    Burst& burst = burst_of(clients_[n]);
    if (burst.exchange != head.exchange) burst = {head.exchange, 0};
    ++burst.arrived;
    if (head.count > 0) continue;
    heads_[count] = {head.exchange, burst.arrived};
    answer_pieces_[count] = {{{&heads_[count], sizeof head},
                              {answer_.data() + sizeof head, answer_.size() - sizeof head}}};
    msghdr& message = answers_[count++].msg_hdr;
    message.msg_name = &clients_[n];
    message.msg_namelen = received_[n].msg_hdr.msg_namelen;
    message.msg_iov = answer_pieces_[count - 1].data();
    message.msg_iovlen = 2;
  }
  return count;
}

// By IPv4 address and port, or the last eight bytes of an IPv6 one: enough for a benchmark's own
// clients.
DatagramServer::Burst& DatagramServer::burst_of(const sockaddr_storage& client) {
  std::uint64_t key = 0;
  if (client.ss_family == AF_INET) {
    sockaddr_in address;
    std::memcpy(&address, &client, sizeof address);
    key = std::uint64_t{address.sin_addr.s_addr} << 16 | address.sin_port;
  } else {
    sockaddr_in6 address;
    std::memcpy(&address, &client, sizeof address);
    std::memcpy(&key, &address.sin6_addr.s6_addr[8], sizeof key);
    key ^= std::uint64_t{address.sin6_port} << 48;
  }
  auto [place, is_new] = bursts_.try_emplace(key);
  if (is_new) ++totals_.connections;
  return place->second;
}

}  // namespace sluice::bench
