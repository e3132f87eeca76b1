#include "proxy/session_tls.h"

namespace sluice::proxy {

std::unique_ptr<SessionTls> SessionTls::take(Findings& findings) {
  if (findings.client_tls == nullptr && findings.server_tls == nullptr) return nullptr;
  auto out = std::make_unique<SessionTls>();
  out->client_ = out->take_leg(findings.client_tls.get());
  out->server_ = out->take_leg(findings.server_tls.get());
  return out;
}

std::unique_ptr<SecureLeg> SessionTls::take_leg(TlsLeg* found) {
  if (found == nullptr) return nullptr;
  auto leg = SecureLeg::make(found->secrets);
  found->secrets = tls::SessionSecrets();
  is_broken_ = is_broken_ || leg == nullptr;
  return leg;
}

}  // namespace sluice::proxy
