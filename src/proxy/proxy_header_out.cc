#include "proxy/proxy_header_out.h"

#include <sys/socket.h>

#include <cerrno>
#include <span>
#include <string>
#include <utility>

#include "proxy/proxy_address.h"
#include "proxy/relay.h"
#include "sys/socket.h"
#include "uring/completion.h"

namespace sluice::proxy {
namespace {

class ProxyHeaderOut final : public Stage {
 public:
  ProxyHeaderOut(const StageSeat& seat, base::milliseconds timeout, ByteString header) noexcept
      : Stage(seat, {timeout, {CloseReason::kConnectTimeout, Side::kServer}}),
        header_(std::move(header)) {}

  void start() noexcept override;
  bool is_quiet() const noexcept override { return !send_.is_in_flight(); }

 private:
  void cancel() noexcept override { seat_.context.reactor.ring().cancel(send_); }
  void on_send(uring::Outcome outcome) noexcept;
  void note_sent(std::size_t count) noexcept;

  ByteString header_;
  std::size_t sent_ = 0;
  uring::Op<&ProxyHeaderOut::on_send> send_{*this};
};

void ProxyHeaderOut::start() noexcept {
  const auto sent = ::send(seat_.fd, header_.data(), header_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN && errno != EINTR && errno != ENOBUFS) {
    return fail({CloseReason::kConnectFailed, Side::kServer});
  }
  note_sent(sent > 0 ? static_cast<std::size_t>(sent) : 0);
}

void ProxyHeaderOut::on_send(uring::Outcome outcome) noexcept {
  if (progress() != Progress::kWorking) return;
  if (outcome.result <= 0) return fail({CloseReason::kConnectFailed, Side::kServer});
  note_sent(static_cast<std::size_t>(outcome.result));
}

void ProxyHeaderOut::note_sent(std::size_t count) noexcept {
  sent_ += count;
  const auto rest = std::span<const std::byte>(header_).subspan(sent_);
  if (rest.empty()) return finish();
  seat_.context.reactor.ring().send(send_, seat_.fd, rest);
}

wire::ProxyHeader header_for(const StageSeat& seat) noexcept {
  const Findings& findings = seat.findings;
  const bool is_told = findings.destination.is_specified();
  return header_of(findings.client,
                   is_told ? findings.destination : sys::local_endpoint(seat.client_fd));
}

ByteString version_2(const StageSeat& seat, wire::ProxyHeader header) {
  const Findings& findings = seat.findings;
  const std::string own_id = std::to_string(seat.session_id);
  header.authority =
      findings.server_name.empty() ? findings.told_server_name : findings.server_name;
  header.unique_id = findings.unique_id.empty() ? own_id : findings.unique_id;
  header.alpn = findings.told_alpn;
  if (!findings.client_tls) return wire::write_proxy_v2(header, nullptr);
  const tls::Negotiated& negotiated = findings.client_tls->negotiated;
  header.alpn = negotiated.alpn;
  const wire::ProxyTls tls{negotiated.version, negotiated.cipher, negotiated.is_resumed,
                           negotiated.client_certificate};
  return wire::write_proxy_v2(header, &tls);
}

}  // namespace

ByteString proxy_header_for_flow(const Endpoint& client, const Endpoint& destination,
                                 std::uint64_t flow_id) {
  wire::ProxyHeader header = header_of(client, destination);
  header.transport = wire::ProxyTransport::kDatagram;
  const std::string id = std::to_string(flow_id);
  header.unique_id = id;
  return wire::write_proxy_v2(header, nullptr);
}

std::unique_ptr<Stage> ProxyHeaderOutMaker::make(const StageSeat& seat) const {
  const wire::ProxyHeader header = header_for(seat);
  ByteString bytes =
      version_ == ProxyVersion::kV1 ? wire::write_proxy_v1(header) : version_2(seat, header);
  return std::make_unique<ProxyHeaderOut>(seat, timeout_, std::move(bytes));
}

}  // namespace sluice::proxy
