#include "daemon/stage_compiler.h"

#include <algorithm>
#include <cstddef>
#include <memory>

#include "proxy/admission.h"
#include "proxy/client_hello_stage.h"
#include "proxy/proxy_header_in.h"
#include "proxy/proxy_header_out.h"

namespace sluice::daemon {

void add_greeting(const FrontendConfig& config, proxy::FrontendRoute& route) {
  if (config.accept_proxy_protocol) {
    route.greeting.push_back(std::make_unique<proxy::ProxyHeaderInMaker>(
        proxy::NetworkSet(config.accept_proxy_protocol->from), config.timeouts.proxy_protocol));
  }
  if (!config.allow.empty() || !config.deny.empty()) {
    route.greeting.push_back(std::make_unique<proxy::AdmissionMaker>(
        proxy::NetworkSet(config.allow), proxy::NetworkSet(config.deny)));
  }
  if (!config.routes.empty() && !config.tls) {
    route.greeting.push_back(std::make_unique<proxy::ClientHelloMaker>(config.timeouts.sni));
  }
}

void add_introductions(const BackendConfig& config, proxy::BackendRoute& route) {
  for (std::size_t index = 0; index < config.servers.size(); ++index) {
    const ProxyProtocolVersion version = config.servers[index].send_proxy_protocol;
    if (version == ProxyProtocolVersion::kNone) continue;
    route.introductions.resize(std::max(route.introductions.size(), index + 1));
    route.introductions[index].push_back(std::make_unique<proxy::ProxyHeaderOutMaker>(
        version == ProxyProtocolVersion::kV1 ? proxy::ProxyVersion::kV1 : proxy::ProxyVersion::kV2,
        config.timeouts.connect));
  }
}

}  // namespace sluice::daemon
