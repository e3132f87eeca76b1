#include "daemon/tls_compiler.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "proxy/tls_stages.h"

namespace sluice::daemon {
namespace {

/// The names of a frontend's backends.
bool reaches(const FrontendConfig& frontend, const std::string& backend) {
  return frontend.backend == backend ||
         std::any_of(frontend.routes.begin(), frontend.routes.end(),
                     [&](const RouteConfig& route) { return route.backend == backend; });
}

}  // namespace

TlsCompiler::TlsCompiler(const Config& config, tls::CertificateStore store,
                         const tls::TicketKeys& keys, std::size_t workers)
    : config_(config), store_(std::move(store)), keys_(keys), workers_(workers) {}

Result<TlsCompiler> TlsCompiler::create(const Config& config, const tls::TicketKeys& keys,
                                        std::size_t workers) {
  auto store = tls::CertificateStore::load(config);
  if (!store) return tl::unexpected(store.error());
  return TlsCompiler(config, std::move(*store), keys, workers);
}

Result<void> TlsCompiler::add_greeting(const FrontendConfig& config,
                                       proxy::FrontendRoute& route) const {
  if (!config.tls) return {};
  proxy::ClientTlsMaker::Contexts contexts;
  for (std::size_t worker = 0; worker < workers_; ++worker) {
    auto context = tls::FrontendContext::create(config, store_, keys_);
    if (!context) return tl::unexpected(context.error());
    contexts.push_back(std::move(*context));
  }
  route.terminates_tls = true;
  route.greeting.push_back(
      std::make_unique<proxy::ClientTlsMaker>(std::move(contexts), config.timeouts.handshake));
  return {};
}

proxy::TlsToServer TlsCompiler::when(const ServerConfig& server) const noexcept {
  if (server.tls) return proxy::TlsToServer::kAlways;
  return server.ssl_offload ? proxy::TlsToServer::kNever : proxy::TlsToServer::kAfterOurs;
}

const std::vector<tls::CertificateTrust>& TlsCompiler::trust(const tls::CaBundle& bundle) {
  std::vector<tls::CertificateTrust>& out = trusts_[&bundle];
  while (out.size() < workers_) out.push_back(tls::make_trust(bundle));
  return out;
}

Result<void> TlsCompiler::add_introductions(const BackendConfig& config,
                                            proxy::BackendRoute& route) {
  const bool is_terminated =
      std::any_of(config_.frontends.begin(), config_.frontends.end(), [&](const auto& frontend) {
        return frontend.tls.has_value() && reaches(frontend, config.name);
      });
  for (std::size_t index = 0; index < config.servers.size(); ++index) {
    const ServerConfig& server = config.servers[index];
    const proxy::TlsToServer when_spoken = when(server);
    route.tls.push_back(when_spoken);
    const bool is_used = when_spoken == proxy::TlsToServer::kAlways ||
                         (when_spoken == proxy::TlsToServer::kAfterOurs && is_terminated);
    if (!is_used) continue;
    const tls::CaBundle* const bundle = store_.bundle(server.ca_bundle);
    if (bundle == nullptr) {
      return fail("there is no CA bundle '" + server.ca_bundle + "'", ExitCode::kNo);
    }
    const tls::CertifiedKey* const own = store_.certificate(server.client_certificate);
    proxy::ServerTlsMaker::Contexts contexts;
    for (const tls::CertificateTrust& each : trust(*bundle)) {
      auto context = tls::ServerContext::create(server, each, own);
      if (!context) return tl::unexpected(context.error());
      contexts.push_back(std::move(*context));
    }
    if (route.introductions.size() <= index) route.introductions.resize(index + 1);
    route.introductions[index].push_back(std::make_unique<proxy::ServerTlsMaker>(
        std::move(contexts), when_spoken, config.timeouts.connect));
  }
  return {};
}

Result<void> check_tls(const Config& config) {
  const tls::TicketKeys keys(base::Clock::now());
  auto compiler = TlsCompiler::create(config, keys, 1);
  if (!compiler) return tl::unexpected(compiler.error());
  for (const FrontendConfig& frontend : config.frontends) {
    proxy::FrontendRoute route;
    if (auto added = compiler->add_greeting(frontend, route); !added) return added;
  }
  return {};
}

}  // namespace sluice::daemon
