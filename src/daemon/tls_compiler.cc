#include "daemon/tls_compiler.h"

#include <algorithm>
#include <memory>
#include <utility>

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
  // An HTTP client may take its time before it says what it wants.
  const auto tickets = config.protocol == Protocol::kHttp ? proxy::TlsStage::Tickets::kAtOnce
                                                          : proxy::TlsStage::Tickets::kWithRelay;
  route.greeting.push_back(std::make_unique<proxy::ClientTlsMaker>(
      std::move(contexts), config.timeouts.handshake, tickets));
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

std::vector<std::size_t> TlsCompiler::spoken_to(const BackendConfig& backend) const {
  const bool is_terminated =
      std::any_of(config_.frontends.begin(), config_.frontends.end(), [&](const auto& frontend) {
        return frontend.tls.has_value() && reaches(frontend, backend.name);
      });
  std::vector<std::size_t> out;
  for (std::size_t index = 0; index < backend.servers.size(); ++index) {
    const proxy::TlsToServer spoken = when(backend.servers[index]);
    const bool is_spoken = spoken == proxy::TlsToServer::kAlways ||
                           (spoken == proxy::TlsToServer::kAfterOurs && is_terminated);
    if (is_spoken) out.push_back(index);
  }
  return out;
}

Result<proxy::ServerTlsMaker::Contexts> TlsCompiler::server_contexts(const BackendConfig& backend,
                                                                     const ServerConfig& server) {
  const tls::CaBundle* const bundle = store_.bundle(server.ca_bundle);
  if (bundle == nullptr) {
    return fail("there is no CA bundle '" + server.ca_bundle + "'", ExitCode::kNo);
  }
  const tls::CertifiedKey* const own = store_.certificate(server.client_certificate);
  proxy::ServerTlsMaker::Contexts contexts;
  for (const tls::CertificateTrust& each : trust(*bundle)) {
    auto context = tls::ServerContext::create(server, each, own);
    if (!context) {
      return fail("server '" + backend.name + '/' + server.name + "': " + context.error().text,
                  ExitCode::kNo);
    }
    contexts.push_back(std::move(*context));
  }
  return contexts;
}

Result<void> TlsCompiler::add_introductions(const BackendConfig& config,
                                            proxy::BackendRoute& route) {
  for (const ServerConfig& server : config.servers) route.tls.push_back(when(server));
  for (const std::size_t index : spoken_to(config)) {
    const ServerConfig& server = config.servers[index];
    auto contexts = server_contexts(config, server);
    if (!contexts) return tl::unexpected(contexts.error());
    if (route.introductions.size() <= index) route.introductions.resize(index + 1);
    route.introductions[index].push_back(std::make_unique<proxy::ServerTlsMaker>(
        std::move(*contexts), when(server), config.timeouts.connect));
  }
  return {};
}

Result<void> TlsCompiler::check_servers(const BackendConfig& config) {
  for (const std::size_t index : spoken_to(config)) {
    const auto made = server_contexts(config, config.servers[index]);
    if (!made) return tl::unexpected(made.error());
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
  for (const BackendConfig& backend : config.backends) {
    if (auto checked = compiler->check_servers(backend); !checked) return checked;
  }
  return {};
}

}  // namespace sluice::daemon
