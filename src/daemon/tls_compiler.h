// The TLS half of a table: contexts for every worker, made from certificates that are read anew.
//
// Control thread.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "proxy/route_table.h"
#include "proxy/tls_stages.h"
#include "sluice/config.h"
#include "sluice/error.h"
#include "tls/certificate_store.h"
#include "tls/ticket_keys.h"

namespace sluice::daemon {

class TlsCompiler {
 public:
  /// Reads the files. `config` and `keys` must outlive this.
  [[nodiscard]] static Result<TlsCompiler> create(const Config& config, const tls::TicketKeys& keys,
                                                  std::size_t workers);

  /// The frontend terminates TLS, where it is configured to.
  [[nodiscard]] Result<void> add_greeting(const FrontendConfig& config,
                                          proxy::FrontendRoute& route) const;

  /// Its servers are spoken to in TLS, where they are.
  [[nodiscard]] Result<void> add_introductions(const BackendConfig& config,
                                               proxy::BackendRoute& route);

  /// Whether `add_introductions()` would do.
  [[nodiscard]] Result<void> check_servers(const BackendConfig& config);

 private:
  TlsCompiler(const Config& config, tls::CertificateStore store, const tls::TicketKeys& keys,
              std::size_t workers);

  [[nodiscard]] proxy::TlsToServer when(const ServerConfig& server) const noexcept;
  /// The servers, by index, to which a session of one of the backend's frontends ever speaks TLS.
  [[nodiscard]] std::vector<std::size_t> spoken_to(const BackendConfig& backend) const;
  [[nodiscard]] Result<proxy::ServerTlsMaker::Contexts> server_contexts(
      const BackendConfig& backend, const ServerConfig& server);
  [[nodiscard]] const std::vector<tls::CertificateTrust>& trust(const tls::CaBundle& bundle);

  const Config& config_;
  tls::CertificateStore store_;
  const tls::TicketKeys& keys_;
  std::size_t workers_;
  /// By worker: contexts of one worker share them.
  std::map<const tls::CaBundle*, std::vector<tls::CertificateTrust>> trusts_;
};

/// What config::load() cannot know: whether OpenSSL takes the certificates. For `--check`.
[[nodiscard]] Result<void> check_tls(const Config& config);

}  // namespace sluice::daemon
