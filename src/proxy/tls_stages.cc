#include "proxy/tls_stages.h"

namespace sluice::proxy {

std::unique_ptr<Stage> ClientTlsMaker::make(const StageSeat& seat) const {
  return std::make_unique<TlsStage>(seat, Side::kClient, time_, contexts_[seat.worker]->make_ssl(),
                                    tickets_);
}

std::unique_ptr<Stage> ServerTlsMaker::make(const StageSeat& seat) const {
  const TlsLeg* const client = seat.findings.client_tls.get();
  const bool is_wanted =
      when_ == TlsToServer::kAlways || (when_ == TlsToServer::kAfterOurs && client != nullptr);
  if (!is_wanted) return nullptr;
  // The server gets to hear the protocol that the client has agreed on with us.
  const std::string_view protocol =
      client != nullptr ? std::string_view(client->negotiated.alpn) : std::string_view();
  return std::make_unique<TlsStage>(seat, Side::kServer, time_,
                                    contexts_[seat.worker]->make_ssl(protocol));
}

}  // namespace sluice::proxy
