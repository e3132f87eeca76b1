// Which sessions begin with a TLS handshake, and with what: the makers of TLS stages in a table.
//
// Immutable, but what they hold for each worker is that worker's: OpenSSL keeps sessions and ticket
// keys there.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "proxy/route_table.h"
#include "proxy/stage.h"
#include "proxy/tls_stage.h"
#include "tls/frontend_context.h"
#include "tls/server_context.h"

namespace sluice::proxy {

/// Terminates TLS for a frontend.
class ClientTlsMaker final : public StageMaker {
 public:
  using Contexts = std::vector<std::unique_ptr<tls::FrontendContext>>;  ///< by worker

  ClientTlsMaker(Contexts contexts, base::milliseconds time, TlsStage::Tickets tickets)
      : contexts_(std::move(contexts)), time_(time), tickets_(tickets) {}

  [[nodiscard]] std::unique_ptr<Stage> make(const StageSeat& seat) const override;

 private:
  Contexts contexts_;
  base::milliseconds time_;
  TlsStage::Tickets tickets_;
};

/// Speaks TLS to a server. Before its stage is done, the server's certificate has been verified.
class ServerTlsMaker final : public StageMaker {
 public:
  using Contexts = std::vector<std::unique_ptr<tls::ServerContext>>;  ///< by worker

  ServerTlsMaker(Contexts contexts, TlsToServer when, base::milliseconds time)
      : contexts_(std::move(contexts)), when_(when), time_(time) {}

  [[nodiscard]] std::unique_ptr<Stage> make(const StageSeat& seat) const override;

 private:
  Contexts contexts_;
  TlsToServer when_;
  base::milliseconds time_;
};

}  // namespace sluice::proxy
