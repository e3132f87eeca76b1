#include "connector.h"

#include <poll.h>

namespace sluice::bench {
namespace {

constexpr int kHandshakeMilliseconds = 10'000;  // for each flight that is waited for

Result<void> shake_hands(Channel& channel) {
  while (true) {
    const Progress progress = channel.shake_hands();
    if (progress == Progress::kDone) return {};
    pollfd waiting{channel.fd().get(), POLLIN, 0};
    if (progress == Progress::kFailed || poll(&waiting, 1, kHandshakeMilliseconds) != 1) {
      return fail("the TLS handshake failed", ExitCode::kUnavailable);
    }
  }
}

}  // namespace

Result<Connector> Connector::create(const LoadOptions& options) {
  Connector connector;
  connector.sources_ = options.sources;
  for (const std::string& text : options.targets) {
    const Result<Endpoint> target = parse_endpoint(text);
    if (!target) return tl::unexpected(target.error());
    connector.targets_.push_back(*target);
  }
  if (!options.tls.is_on) return connector;
  Result<std::unique_ptr<TlsContext>> tls = TlsContext::client(options.tls);
  if (!tls) return tl::unexpected(tls.error());
  connector.tls_ = std::move(*tls);
  return connector;
}

Route Connector::route(std::uint32_t client) const {
  Route route{targets_[client % targets_.size()], std::nullopt};
  if (sources_ > 1) route.source = loopback_source(client % sources_);
  return route;
}

Result<std::unique_ptr<Channel>> Connector::connect(const Route& route, TlsMemory& memory,
                                                    TlsTally& tally) const {
  Result<Fd> fd = connect_to(route.target, route.source);
  if (!fd) return tl::unexpected(fd.error());
  std::unique_ptr<Channel> channel = wrap(std::move(*fd), memory, tally);
  if (!channel) return fail("no memory for a channel", ExitCode::kUnavailable);
  const Result<void> shaken = shake_hands(*channel);
  if (!shaken) return tl::unexpected(shaken.error());
  return channel;
}

std::unique_ptr<Channel> Connector::wrap(Fd fd, TlsMemory& memory, TlsTally& tally) const {
  if (!tls_) return std::make_unique<PlainChannel>(std::move(fd));
  return tls_->wrap(std::move(fd), memory, tally);
}

}  // namespace sluice::bench
