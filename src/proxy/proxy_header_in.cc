#include "proxy/proxy_header_in.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <span>

#include "proxy/proxy_address.h"
#include "proxy/relay.h"
#include "uring/completion.h"
#include "wire/proxy_header.h"

namespace sluice::proxy {
namespace {

class ProxyHeaderIn final : public Stage {
 public:
  ProxyHeaderIn(const StageSeat& seat, base::milliseconds timeout) noexcept
      : Stage(seat, {timeout, {CloseReason::kProxyHeaderInvalid, Side::kClient}}) {}

  void start() noexcept override { read(); }
  bool is_quiet() const noexcept override { return !readable_.is_in_flight(); }

 private:
  void cancel() noexcept override { seat_.context.reactor.ring().cancel(readable_); }
  void on_readable(uring::Outcome outcome) noexcept;
  void read() noexcept;
  void take(std::span<const std::byte> seen) noexcept;
  void note(const wire::ProxyHeader& header) noexcept;

  ByteString header_;
  uring::Op<&ProxyHeaderIn::on_readable> readable_{*this};
};

void ProxyHeaderIn::on_readable(uring::Outcome /*outcome*/) noexcept {
  if (progress() == Progress::kWorking) read();
}

void ProxyHeaderIn::read() noexcept {
  std::array<std::byte, 512> seen;
  while (progress() == Progress::kWorking) {
    const auto count = ::recv(seat_.fd, seen.data(), seen.size(), MSG_PEEK | MSG_DONTWAIT);
    if (count == 0) return fail({CloseReason::kClientClosed, Side::kClient});
    if (count > 0) {
      take(std::span(seen).first(static_cast<std::size_t>(count)));
    } else if (errno == EAGAIN) {
      return seat_.context.reactor.ring().poll(readable_, seat_.fd, POLLIN | POLLRDHUP);
    } else if (errno != EINTR) {
      return fail({CloseReason::kClientReset, Side::kClient});
    }
  }
}

/// Bytes that are the header's leave the socket; the rest stays there.
void ProxyHeaderIn::take(std::span<const std::byte> seen) noexcept {
  const std::size_t before = header_.size();
  header_.insert(header_.end(), seen.begin(), seen.end());
  const wire::ProxyReading reading = wire::read_proxy_header(header_);
  if (reading.verdict == wire::ProxyVerdict::kInvalid) {
    return fail({CloseReason::kProxyHeaderInvalid, Side::kClient});
  }
  const bool is_complete = reading.verdict == wire::ProxyVerdict::kComplete;
  const std::size_t ours = is_complete ? reading.size - before : seen.size();
  // They were seen there a moment ago, and nobody else reads: they are there.
  static_cast<void>(::recv(seat_.fd, header_.data() + before, ours, MSG_DONTWAIT));
  if (!is_complete) return;
  note(reading.header);
  finish();
}

void ProxyHeaderIn::note(const wire::ProxyHeader& header) noexcept {
  seat_.findings.unique_id = header.unique_id;
  seat_.findings.told_server_name = header.authority;
  seat_.findings.told_alpn = header.alpn;
  if (header.family == wire::ProxyFamily::kNone) return;
  seat_.findings.client = endpoint_of(header.family, header.source);
  seat_.findings.destination = endpoint_of(header.family, header.destination);
}

}  // namespace

std::unique_ptr<Stage> ProxyHeaderInMaker::make(const StageSeat& seat) const {
  if (!from_.contains(seat.findings.client)) return nullptr;
  return std::make_unique<ProxyHeaderIn>(seat, timeout_);
}

}  // namespace sluice::proxy
