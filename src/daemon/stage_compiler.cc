#include "daemon/stage_compiler.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>

#include "proxy/address_limit.h"
#include "proxy/admission.h"
#include "proxy/client_hello_stage.h"
#include "proxy/proxy_header_in.h"
#include "proxy/proxy_header_out.h"

namespace sluice::daemon {
namespace {

void add_admission(const FrontendConfig& config, proxy::FrontendRoute& route) {
  if (config.allow.empty() && config.deny.empty()) return;
  proxy::Admission admission{proxy::NetworkSet(config.allow), proxy::NetworkSet(config.deny)};
  if (config.protocol == Protocol::kUdp) {
    route.admission = std::move(admission);
  } else {
    route.greeting.push_back(std::make_unique<proxy::AdmissionMaker>(std::move(admission)));
  }
}

Result<void> add_address_limit(const FrontendConfig& config, proxy::FrontendRoute& route) {
  if (config.max_connections_per_ip == 0) return {};
  if (route.state->addresses() == nullptr) {
    auto counts = balance::AddressCounts::create();
    if (!counts) return tl::unexpected(counts.error());
    route.state->count_addresses(std::move(*counts));
  }
  route.greeting.push_back(std::make_unique<proxy::AddressLimitMaker>(
      *route.state->addresses(), config.max_connections_per_ip));
  return {};
}

}  // namespace

Result<void> add_greeting(const FrontendConfig& config, proxy::FrontendRoute& route) {
  if (config.accept_proxy_protocol) {
    route.greeting.push_back(std::make_unique<proxy::ProxyHeaderInMaker>(
        proxy::NetworkSet(config.accept_proxy_protocol->from), config.timeouts.proxy_protocol));
  }
  add_admission(config, route);
  if (auto added = add_address_limit(config, route); !added) return added;
  if (!config.routes.empty() && !config.tls) {
    route.greeting.push_back(std::make_unique<proxy::ClientHelloMaker>(config.timeouts.sni));
  }
  return {};
}

void add_introductions(const BackendConfig& config, proxy::BackendRoute& route) {
  for (std::size_t index = 0; index < config.servers.size(); ++index) {
    const ProxyProtocolVersion version = config.servers[index].send_proxy_protocol;
    if (version == ProxyProtocolVersion::kNone) continue;
    route.introductions.resize(std::max(route.introductions.size(), index + 1));
    route.introductions[index].push_back(std::make_unique<proxy::ProxyHeaderOutMaker>(
        version == ProxyProtocolVersion::kV1 ? proxy::ProxyVersion::kV1 : proxy::ProxyVersion::kV2,
        config.timeouts.connect));
    if (version == ProxyProtocolVersion::kV1) continue;  // no word for UDP
    route.flow_headers.resize(config.servers.size());
    route.flow_headers[index] = proxy::FlowHeader::kProxyV2;
  }
}

}  // namespace sluice::daemon
