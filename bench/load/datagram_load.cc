#include "datagram_load.h"

#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "datagram.h"

namespace sluice::bench {

/// One flow. Does one exchange at a time.
class DatagramClient final : public Pollable {
 public:
  DatagramClient(DatagramLoad& load, Fd fd)
      : load_(load), fd_(std::move(fd)), datagram_(make_datagram(shape().request_bytes)) {
    load_.poller_.add(fd_, EPOLLIN | EPOLLET, *this);
  }

  [[nodiscard]] std::uint32_t begin(Time time) {
    begun_at_ = time;
    is_busy_ = true;
    ++exchange_;
    for (std::uint32_t left = load_.options_.burst; left > 0;) left -= send_some(left);
    return exchange_;
  }

  /// Whether this exchange was still without an answer.
  [[nodiscard]] bool give_up(std::uint32_t exchange) {
    if (!is_busy_ || exchange_ != exchange) return false;
    is_busy_ = false;
    load_.tally_.lost += load_.options_.burst;
    return true;
  }

  void on_events(std::uint32_t) override {
    static std::array<char, kMostDatagramBytes> scratch;  // one thread; read and judged at once
    while (true) {
      const ssize_t size = recv(fd_.get(), scratch.data(), scratch.size(), 0);
      if (size < 0 && errno == EAGAIN) return;
      if (size < static_cast<ssize_t>(sizeof(DatagramHead))) {
        ++load_.tally_.failures.reset;
        return;
      }
      DatagramHead head;
      std::memcpy(&head, scratch.data(), sizeof head);
      if (is_busy_ && head.exchange == exchange_) on_answer(head, static_cast<std::size_t>(size));
    }
  }

 private:
  static constexpr std::uint32_t kMostAtOnce = 64;

  [[nodiscard]] const ExchangeShape& shape() const { return load_.options_.shape; }

  // The first ones of those that are left. What the socket does not take is lost.
  [[nodiscard]] std::uint32_t send_some(std::uint32_t left) {
    const std::uint32_t count = std::min(left, kMostAtOnce);
    std::array<DatagramHead, kMostAtOnce> heads;
    std::array<std::array<iovec, 2>, kMostAtOnce> pieces;
    std::array<mmsghdr, kMostAtOnce> messages{};
    for (std::uint32_t n = 0; n < count; ++n) {
      heads[n] = {exchange_, left - n - 1};
      pieces[n] = {
          {{&heads[n], sizeof heads[n]},
           {datagram_.data() + sizeof(DatagramHead), datagram_.size() - sizeof(DatagramHead)}}};
      messages[n].msg_hdr.msg_iov = pieces[n].data();
      messages[n].msg_hdr.msg_iovlen = pieces[n].size();
    }
    static_cast<void>(sendmmsg(fd_.get(), messages.data(), count, MSG_NOSIGNAL));
    return count;
  }

  void on_answer(const DatagramHead& head, std::size_t size) {
    is_busy_ = false;
    Tally& tally = load_.tally_;
    ++tally.units;
    tally.lost += load_.options_.burst - std::min(head.count, load_.options_.burst);
    tally.bytes_sent += std::uint64_t{head.count} * datagram_.size();
    tally.bytes_received += size;
    tally.failures.corrupt += size == shape().response_bytes ? 0 : 1;
    tally.latency.record(to_nanoseconds(now() - begun_at_));
    load_.on_ended(*this);
  }

  DatagramLoad& load_;
  Fd fd_;
  std::vector<char> datagram_;
  Time begun_at_{};
  std::uint32_t exchange_ = 0;
  bool is_busy_ = false;
};

DatagramLoad::DatagramLoad(const LoadOptions& options, Poller& poller)
    : options_(options), poller_(poller) {}

DatagramLoad::~DatagramLoad() = default;

Result<void> DatagramLoad::open() {
  for (std::uint32_t number = 0; number < options_.connections; ++number) {
    const Result<Endpoint> target =
        parse_endpoint(options_.targets[number % options_.targets.size()]);
    if (!target) return tl::unexpected(target.error());
    std::optional<Endpoint> source;
    if (options_.sources > 1) source = loopback_source(number % options_.sources);
    Result<Fd> fd = connect_datagrams(*target, source);
    if (!fd) return tl::unexpected(fd.error());
    clients_.push_back(std::make_unique<DatagramClient>(*this, std::move(*fd)));
    idle_.push_back(clients_.back().get());
  }
  return {};
}

void DatagramLoad::start(Pace pace, Time, Time) {
  tally_ = Tally{};
  is_running_ = true;
  is_once_ = pace == Pace::kOnce;
  to_begin_ = clients_.size();
  const std::size_t limit = options_.outstanding > 0 ? options_.outstanding : clients_.size();
  while (outstanding_ < limit && !idle_.empty()) begin_next();
}

void DatagramLoad::begin_next() {
  if (!is_running_ || (is_once_ && to_begin_ == 0)) return;
  if (is_once_) --to_begin_;
  DatagramClient* client = idle_.front();
  idle_.pop_front();
  ++outstanding_;
  const Time time = now();
  deadlines_.push_back({time + kPatience, client, client->begin(time)});
}

void DatagramLoad::on_ended(DatagramClient& client) {
  --outstanding_;
  idle_.push_back(&client);
  begin_next();
}

void DatagramLoad::tick(Time time) {
  forget_overdue(time);
}

void DatagramLoad::forget_overdue(Time time) {
  while (!deadlines_.empty() && deadlines_.front().time <= time) {
    const Deadline due = deadlines_.front();
    deadlines_.pop_front();
    if (due.client->give_up(due.exchange)) on_ended(*due.client);
  }
}

Time DatagramLoad::next_due() const {
  return deadlines_.empty() ? Time::max() : deadlines_.front().time;
}

void DatagramLoad::stop(Time) {
  is_running_ = false;
}

}  // namespace sluice::bench
